"""Campaigns of two tenants of two companies, started through the API, on a real server with real jobs."""

import email
import email.policy
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from lokario_cli.odoo_log import unexpected_lines
from lokario_cli.odoo_process import Server
from lokario_testing.environments import mailwizz, pmta
from lokario_testing.environments.client import OdooClient

DATABASE = "campaign_delivery"
TIMEOUT = 30  # seconds for an answer; a request that waits for itself never gives one
CRONS = ("ir_cron_recover_chunks", "ir_cron_continue_campaigns")


@pytest.fixture(scope="module")
def engine(environment, suite_database, tmp_path_factory):
    mta = pmta.FakePowerMta(tmp_path_factory.mktemp("pmta") / "acct.csv")
    mta.messages = []
    theirs = mailwizz.FakeMailWizz("key")
    database = environment.clone(suite_database, DATABASE)
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = environment.options(**{"lokario/manager_db": database, "db_name": database})
    with (
        pmta.serving(mta) as (host, port),
        mailwizz.serving(theirs) as mailwizz_url,
        Server("campaign-delivery", options) as server,
    ):
        client = OdooClient(server.url)
        client.login(database, "admin", "admin")
        yield Engine(server, client, mta, theirs, {"delivery_host": host, "delivery_port": port}, mailwizz_url)
        assert unexpected_lines(server.log.read_text()) == []
    environment.drop(database)


class Engine:
    """Two companies with a tenant, an IP and a key each; what would take up a failed job later is off."""

    def __init__(self, server, client, mta, theirs, delivery, mailwizz_url):
        self.url, self.client, self.mta, self.mailwizz = server.url, client, mta, theirs
        client.call("ir.config_parameter", "set_param", "email_engine.public_url", server.url)
        for name in CRONS:
            [cron] = client.call("ir.model.data", "search_read", [["name", "=", name]], ["res_id"])
            client.call("ir.cron", "write", [cron["res_id"]], {"active": False})
        belgium = client.create("res.company", {"name": "Belgique SRL"})
        user = client.call("res.users", "read", [client.uid], ["company_id"])[0]
        self.tenants, self.keys = {}, {}
        for number, (slug, company) in enumerate((("france", user["company_id"][0]), ("belgique", belgium)), 1):
            values = {"name": slug.title(), "slug": slug, "from_name": slug, "from_email": f"news@{slug}.test"}
            mailwizz_values = {"mailwizz_url": mailwizz_url, "mailwizz_key": "key"}
            tenant = self.create("engine.tenant", company, {**values, **delivery, **mailwizz_values})
            domain = self.create("engine.domain", company, {"name": f"{slug}.test", "tenant_id": tenant})
            address = {"address": f"192.0.2.{number}", "hostname": f"mail.{slug}.test", "domain_id": domain}
            ip = self.create("engine.ip", company, address)
            change = self.create("engine.ip.change", company, {"ip_ids": [ip], "action": "accept", "reason": "test"})
            client.call("engine.ip.change", "action_apply", [change], context={"allowed_company_ids": [company]})
            key = self.create("engine.api.key", company, {"name": slug, "tenant_ids": [tenant], "company_id": company})
            issued = client.call(
                "engine.api.key", "action_issue_token", [key], context={"allowed_company_ids": [company]}
            )
            self.tenants[slug], self.keys[slug] = tenant, issued["context"]["shown_token"]

    def create(self, model, company, values):
        [record_id] = self.client.call(
            model,
            "create",
            [{**values, **({"company_id": company} if model == "engine.tenant" else {})}],
            context={"allowed_company_ids": [company]},
        )
        return record_id

    def api(self, slug, path, body=None, method="POST"):
        """(status, decoded answer) of a call with the tenant's key."""
        data = json.dumps(body).encode() if body is not None else (b"" if method == "POST" else None)
        headers = {"Authorization": f"Bearer {self.keys[slug]}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v2{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def create_campaign(self, slug, name, addresses, **values):
        """The path of a new campaign to these addresses."""
        tenant = self.tenants[slug]
        template = {"tenant_id": tenant, "name": name, "subject": "Hi {{ first_name }}", "html": "<p>{{ email }}</p>"}
        status, created = self.api(slug, "/templates", template)
        assert status == 201, created
        contacts = {"tenant_id": tenant, "lists": [name], "contacts": [{"email": one} for one in addresses]}
        status, ingested = self.api(slug, "/contacts/ingest", contacts)
        assert status == 200, ingested
        campaign = {"tenant_id": tenant, "name": name, "template_id": created["id"], "lists": [name], **values}
        status, created = self.api(slug, "/campaigns", campaign)
        assert status == 201, created
        return f"/campaigns/{tenant}/{created['id']}"

    def wait_for(self, slug, path, **expected):
        """The campaign once it has these values."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            campaign = self.api(slug, path, method="GET")[1]
            if expected.items() <= campaign.items():
                return campaign
            assert time.monotonic() < deadline, campaign
            time.sleep(0.1)

    def trigger(self, name):
        [cron] = self.client.call("ir.model.data", "search_read", [["name", "=", name]], ["res_id"])
        self.client.call("ir.cron", "method_direct_trigger", [cron["res_id"]])

    def unsubscribe_url(self, address):
        for raw in self.mta.messages:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            if message["To"].addresses[0].addr_spec == address:
                return re.search(r"<(https?://[^>]+)>", message["List-Unsubscribe"])[1]
        raise AssertionError(f"no message to {address}")


def test_campaigns_by_api_leave_at_once(engine):
    """Without the cron that takes up what failed: the rights of the job are its own."""
    for slug in ("france", "belgique"):
        path = engine.create_campaign(slug, "News", [f"p{number}@{slug}.test" for number in range(3)])
        status, answer = engine.api(slug, f"{path}/send")
        assert (status, answer["sent_today"]) == (200, 3)
        engine.wait_for(slug, path, state="sent", sent=3)
    jobs = engine.client.call("queue.job", "search_read", [], ["state", "exc_info"])
    assert [one for one in jobs if one["state"] != "done"] == []


def test_one_click_unsubscribe_answers(engine):
    """The robot's POST and the page's button, of both tenants; clicks and opens go on."""
    for slug in ("france", "belgique"):
        for number, form in enumerate(("List-Unsubscribe=One-Click", "")):
            address = f"p{number}@{slug}.test"
            with urllib.request.urlopen(engine.unsubscribe_url(address), form.encode(), timeout=TIMEOUT) as answer:
                assert answer.status == 200
            found = engine.client.call("engine.suppression", "search_read", [["email", "=", address]], ["reason"])
            assert [one["reason"] for one in found] == ["unsubscribe"]
    results = engine.client.call("engine.campaign", "search_read", [], ["unsubscribed_count"])
    assert [one["unsubscribed_count"] for one in results] == [2, 2]


def test_preferences_are_saved_and_shown(engine):
    url = engine.unsubscribe_url("p2@france.test").replace("/u/", "/p/")
    with urllib.request.urlopen(url, timeout=TIMEOUT) as page:
        [token] = re.findall(r'name="form_token" value="([^"]+)"', page.read().decode())
    without_lists = urllib.parse.urlencode({"form_token": token}).encode()
    with urllib.request.urlopen(url, without_lists, timeout=TIMEOUT) as answer:
        assert 'type="checkbox"' not in answer.read().decode()
    assert engine.client.call("engine.suppression", "search_count", [["email", "=", "p2@france.test"]]) == 1


def test_parallel_sends_are_one(engine):
    path = engine.create_campaign("france", "Parallel", [f"q{number}@france.test" for number in range(5)])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _number: engine.api("france", f"{path}/send"), range(8)))
    assert [status for status, _answer in answers] == [200] * 8, answers
    assert all(answer == answers[0][1] for _status, answer in answers)
    engine.wait_for("france", path, state="sent", sent=5)
    days = engine.client.call("engine.ip.day", "search_read", [["tenant_id.slug", "=", "france"]], ["sent", "reserved"])
    assert [(one["sent"], one["reserved"]) for one in days] == [(8, 0)]


def test_mailwizz_gets_the_campaign_and_says_when_it_is_sent(engine):
    """Refused at first, resumed; one whom MailWizz does not take is refused and the others are written to."""
    engine.mailwizz.api_key = "changed"
    addresses = ["m1@belgique.test", "m2@belgique.test", "blocked-m3@belgique.test"]
    path = engine.create_campaign("belgique", "By MailWizz", addresses, transport="mailwizz")
    assert engine.api("belgique", f"{path}/send")[0] == 200
    engine.wait_for("belgique", path, state="paused")
    engine.mailwizz.api_key = "key"
    assert engine.api("belgique", f"{path}/resume")[0] == 200
    deadline = time.monotonic() + TIMEOUT
    while not engine.mailwizz.campaigns:
        assert time.monotonic() < deadline, "MailWizz got no campaign"
        time.sleep(0.1)
    engine.trigger("ir_cron_follow_mailwizz")
    engine.wait_for("belgique", path, state="sending", sent=0)
    [theirs] = engine.mailwizz.campaigns.values()
    [(uid, _list)] = engine.mailwizz.lists.items()
    assert theirs["campaign[list_uid]"] == uid
    assert {address for _uid, address in engine.mailwizz.subscribers} == set(addresses[:2])
    for (_uid, address), record in engine.mailwizz.subscribers.items():
        record["status"] = "unsubscribed" if address == addresses[0] else "confirmed"
    theirs["status"] = "sent"
    engine.trigger("ir_cron_follow_mailwizz")
    engine.wait_for("belgique", path, state="sent", sent=2)
    assert engine.client.call("engine.suppression", "search_count", [["email", "=", addresses[0]]]) == 1
