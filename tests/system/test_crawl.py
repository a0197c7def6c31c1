"""A sample of `./lokario chaos crawl`, on a database with the whole suite."""

import os

import pytest

from benchmarks.crawl_batches import broken_batches
from benchmarks.generated_records import GeneratedRecords
from lokario_testing.environments.loaded import LoadedOdoo

SEED = 20261129


@pytest.fixture
def odoo(environment, suite_database):
    database = environment.clone(suite_database, f"crawl_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    odoo = LoadedOdoo(environment, database, log_level="critical")
    yield odoo
    odoo.close()
    environment.drop(database)


def test_any_number_of_records(odoo):
    with odoo.env() as env:
        records = GeneratedRecords(env).fill()
    assert dict(records.unexplained()) == {}
    assert broken_batches(odoo, records, 150, SEED) == []
