"""A small sample of `./lokario chaos api_schema` and `./lokario chaos api`, on one server."""

import pytest

from benchmarks import chaos_api
from lokario_testing.environments import schemathesis

SEED = 20261121


@pytest.fixture(scope="module")
def served():
    with chaos_api.served_api() as served:
        yield served


def test_the_api_keeps_to_its_own_description(served):
    server, _engine, _ids, token = served
    cases, broken = schemathesis.judge(f"{server.url}/api/v2/openapi.json", token, 1, SEED)
    assert broken == []
    assert cases > 500


def test_a_key_reaches_nothing_of_another_tenant(served):
    assert chaos_api.call_at_random(served, 200, SEED) == []
