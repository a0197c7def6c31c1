"""A sample of `./lokario chaos crawl`, on a database with the whole suite."""

from benchmarks.crawl_batches import broken_batches
from benchmarks.crawl_roles import broken_roles

SEED = 20261129


def test_any_number_of_records_and_every_role(loaded_odoo, generated_records):
    assert dict(generated_records.unexplained()) == {}
    assert broken_batches(loaded_odoo, generated_records, 150, SEED) == []
    assert broken_roles(loaded_odoo, generated_records, 25, SEED) == []
