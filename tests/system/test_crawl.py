"""A sample of `./lokario chaos crawl`, on a database with the whole suite."""

from benchmarks.crawl_batches import broken_batches
from benchmarks.crawl_roles import broken_roles
from benchmarks.generated_records import GeneratedRecords

SEED = 20261129


def test_any_number_of_records_and_every_role(loaded_suite):
    with loaded_suite.env() as env:
        records = GeneratedRecords(env).fill()
    assert dict(records.unexplained()) == {}
    assert broken_batches(loaded_suite, records, 150, SEED) == []
    assert broken_roles(loaded_suite, records, 25, SEED) == []
