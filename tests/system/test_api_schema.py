"""A small sample of `./lokario chaos api_schema` and `./lokario chaos api`, on one server, and a generated client."""

import json
import urllib.request
from pathlib import Path

import pytest

from benchmarks import chaos_api
from lokario_testing.environments import schemathesis
from lokario_testing.environments.generated_client import GeneratedClient

SEED = 20261121


@pytest.fixture(scope="module")
def served():
    with chaos_api.served_api() as served:
        yield served


def test_a_generated_client_works(served, tmp_path):
    server, _engine, ids, token = served
    url = f"{server.url}/api/v2"
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=120) as answer:
        client = GeneratedClient(json.load(answer), tmp_path)
    warnings = {line for line in client.warnings.splitlines() if line.startswith("WARNING parsing")}
    assert {line for line in warnings if "/webhooks/" not in line and "/contacts/ingest" not in line} == set()  # CSV
    assert client.run(Path(__file__).with_name("api_client_script.py"), url, token, ids["a"]) == "done\n"


def test_the_api_keeps_to_its_own_description(served):
    server, _engine, _ids, token = served
    cases, broken = schemathesis.judge(f"{server.url}/api/v2/openapi.json", token, 1, SEED, every=2)
    assert broken == []
    assert cases > 1500


def test_a_key_reaches_nothing_of_another_tenant(served):
    assert chaos_api.call_at_random(served, 200, SEED) == []
