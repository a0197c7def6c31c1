"""The calls of the engine's document, as written there, against a real server: script, curl, scenarios 1 to 3."""

import json
import subprocess
import sys

import pytest

from lokario_cli.odoo_process import Server
from lokario_cli.paths import ROOT
from lokario_testing.environments.client import OdooClient

DATABASE = "engine_documents"


@pytest.fixture(scope="module")
def engine(environment, suite_database):
    database = environment.clone(suite_database, DATABASE)
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    with Server(
        "engine-documents", environment.options(db_name=database, **{"lokario/manager_db": database})
    ) as server:
        client = OdooClient(server.url)
        client.login(database, "admin", "admin")
        yield Engine(server, client)
    environment.drop(database)


class Engine:
    """The document's tenant 1 and a key for it."""

    def __init__(self, server, client):
        self.server, self.url, self.client = server, server.url, client
        self.tenant = client.create(
            "engine.tenant",
            {
                "name": "SOS-Expat",
                "slug": "sos-expat",
                "from_name": "SOS Expat",
                "from_email": "no-reply@sos-expat.com",
            },
        )
        key = client.create("engine.api.key", {"name": "Document", "tenant_ids": [self.tenant]})
        action = client.call("engine.api.key", "action_issue_token", [key])
        self.key = action["context"]["shown_token"]

    def curl(self, path, *options):
        """Run the document's curl with the key; returns (exit code, output)."""
        command = ["curl", "-fsS", "-H", f"Authorization: Bearer {self.key}", *options, f"{self.url}/api/v2{path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    def add_domain(self, *arguments):
        command = [sys.executable, str(ROOT / "scripts" / "add_domain.py"), *arguments]
        environment = {"ENGINE_URL": self.url, "ENGINE_API_KEY": self.key, "PATH": ""}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_scenarios(engine):
    assert engine.tenant == 1
    for number in range(1, 6):
        done = engine.add_domain(
            "--tenant", "1", "--domain", f"mail{number}.sos-mail.com", "--ip", f"45.123.10.{number}"
        )
        assert done.returncode == 0, done.stderr
        assert f"mail{number}.sos-mail.com with 45.123.10.{number} was added" in done.stdout
        assert "default._domainkey" in done.stdout
    ips = engine.client.call("engine.ip", "search", [["tenant_id", "=", 1]])
    change = {"ip_ids": ips, "action": "accept", "reason": "The document's scenario: no DNS here"}
    wizard = engine.client.create("engine.ip.change", change)
    engine.client.call("engine.ip.change", "action_apply", [wizard])

    code, body = engine.curl("/quotas/1")
    answer = json.loads(body)
    assert code == 0
    assert [ip["daily_quota"] for ip in answer["ips"]] == [50] * 5
    assert answer["remaining_today"] == 250
    assert {"address", "status", "remaining"} <= answer["ips"][0].keys()  # what the document's jq reads
    code, body = engine.curl("/quotas/1/check", "-X", "POST", "-d", '{"emails_to_send":100}')
    assert (code, json.loads(body)["can_send"]) == (0, True)
    code, body = engine.curl("/quotas/1/check", "-X", "POST", "-d", '{"emails_to_send":1000}')
    assert (code, json.loads(body)["can_send"]) == (0, False)


def test_download_lints_and_an_error_writes_nothing(engine, tmp_path):
    target = tmp_path / "pmta.conf"
    code, _body = engine.curl("/powermta/config/download", "-o", str(target))
    assert code == 0
    assert "<virtual-mta-pool sos-expat-pool>" in target.read_text()
    lint = subprocess.run([ROOT / "lokario", "pmta-lint", target], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout
    missing = tmp_path / "missing.conf"
    engine_without_key = Engine.curl
    key, engine.key = engine.key, "wrong"
    code, _body = engine_without_key(engine, "/powermta/config/download", "-o", str(missing))
    engine.key = key
    assert code == 22
    assert not missing.exists() or not missing.read_text()


def test_mailwizz_and_script_errors(engine):
    _code, body = engine.curl("/powermta/mailwizz-delivery-server/1")
    assert json.loads(body)["name"] == "PowerMTA - SOS Expat"
    again = engine.add_domain("--tenant", "1", "--domain", "mail1.sos-mail.com", "--ip", "45.123.10.1")
    assert again.returncode != 0
    assert "422: Domain: mail1.sos-mail.com is registered already." in again.stderr
    other = engine.add_domain("--tenant", "2", "--domain", "mail9.sos-mail.com", "--ip", "45.123.10.9")
    assert "404" in other.stderr


def test_no_token_of_a_path_is_logged(engine):
    token = "t0ken-" * 8
    assert engine.curl(f"/webhooks/powermta/{token}", "-d", "[]")[0] == 22
    log = engine.server.log.read_text()
    assert "api POST /api/v2/webhooks/powermta/*** -> 401" in log
    assert token not in log


@pytest.mark.expects_log("The state of an IP address is changed with")
def test_the_model_is_reachable_by_json_2_and_xml_rpc(engine):
    import xmlrpc.client

    uid = xmlrpc.client.ServerProxy(f"{engine.url}/xmlrpc/2/common").authenticate(DATABASE, "admin", "admin", {})
    models = xmlrpc.client.ServerProxy(f"{engine.url}/xmlrpc/2/object")
    rows = models.execute_kw(DATABASE, uid, "admin", "engine.ip", "search_read", [[]], {"fields": ["address", "phase"]})
    assert {row["phase"] for row in rows} == {"week_1"}
    with pytest.raises(xmlrpc.client.Fault, match="asks for a reason"):
        restricted = engine.client.call("engine.ip", "search", [["tenant_id", "=", 1]])[:1]
        models.execute_kw(DATABASE, uid, "admin", "engine.ip", "write", [restricted, {"status": "paused"}])


def test_the_demo_plays_the_scenario(engine):
    """Also when it is played again: what is there already is used."""
    from lokario_cli.console import Phases
    from lokario_testing.demo.engine import warm_up
    from lokario_testing.demo.stage import Demo

    stage = Demo(engine.server, None, None, None, None, engine.client, Phases())
    for _time in range(2):
        stage.rows.clear()
        warm_up(stage)
        told = " ".join(what for what, _where, _login in stage.rows)
        assert "SOS-Expat: 45.123.10.1 warms up, 50 of 50 mails left today" in told
        assert "Ulixai: 45.123.20.1 warms up, 50 of 50 mails left today" in told
        assert "0 error(s), 0 warning(s)" in told
