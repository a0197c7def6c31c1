"""A sample of `./lokario chaos secrets`: every way in, at debug level."""

import os

import pytest

from benchmarks import chaos_secrets

SEED = 20261129


@pytest.mark.expects_log("")  # every way in is tried with what is not taken
def test_no_secret_in_the_log(environment, suite_database):
    database = environment.clone(suite_database, f"secrets_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    try:
        leaks = chaos_secrets.plant(environment, database, 4 * len(chaos_secrets.WAYS), SEED)
    finally:
        environment.drop(database)
    assert leaks == []
