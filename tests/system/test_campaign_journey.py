"""A campaign from nothing to its results: by the documented curl script, then through the screens in French.

With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import json
import os
import re
import subprocess
import time
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lokario_cli.odoo_log import unexpected_lines
from lokario_cli.odoo_process import Server, free_port
from lokario_cli.paths import ROOT
from lokario_testing.environments import name_server, pmta
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.client import OdooClient

DATABASE = "campaign_journey"
DOMAIN, IP = "mail1.sos-mail.com", "45.123.10.1"
UPLOAD = """(text => {
    const input = document.querySelector(".o_field_widget[name=file] input[type=file]");
    const files = new DataTransfer();
    files.items.add(new File([text], "abonnes.csv", {type: "text/csv"}));
    input.files = files.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
})(%s)"""
HISTORY = (
    "d,{moment},{rcpt},2.0.0 (success),smtp;250 OK,",
    "b,{moment},{rcpt},5.1.1,smtp;550 5.1.1 user unknown,bad-mailbox",
    "b,{moment},{rcpt},5.7.1,smtp;550 5.7.1 blocked using zen.spamhaus.org,spam-related",
    "t,{moment},{rcpt},4.2.0,smtp;450 4.2.0 try again later,other",
)


@pytest.fixture(scope="module")
def journey(environment, suite_database, tmp_path_factory):
    accounting = tmp_path_factory.mktemp("pmta") / "acct.csv"
    database = environment.clone(suite_database, DATABASE)
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = environment.options(**{"lokario/manager_db": database, "db_name": database})
    with pmta.process(accounting) as (host, port), Server("campaign-journey", options) as server:
        client = OdooClient(server.url)
        client.login(database, "admin", "admin")
        yield Journey(server, client, accounting, host, port)
        assert unexpected_lines(server.log.read_text()) == []
    environment.drop(database)


class Journey:
    """The document's tenant with a key and an event source."""

    def __init__(self, server, client, accounting, host, port):
        self.url, self.client, self.accounting = server.url, client, accounting
        names = {"name": "SOS-Expat", "slug": "sos-expat", "from_name": "SOS Expat"}
        delivery = {"delivery_host": host, "delivery_port": port}
        self.tenant = client.create("engine.tenant", {**names, "from_email": "no-reply@sos-expat.com", **delivery})
        key = client.create("engine.api.key", {"name": "Walkthrough", "tenant_ids": [self.tenant]})
        self.key = client.call("engine.api.key", "action_issue_token", [key])["context"]["shown_token"]
        source = client.create("engine.webhook.source", {"name": "PowerMTA 1", "tenant_id": self.tenant})
        address = client.call("engine.webhook.source", "action_new_token", [source])["context"]["shown_token"]
        self.events_url = self.url + re.search(r"/api/v2/webhooks/\S+", address)[0]

    def report_history(self):
        """The two weeks before today of the IP's mail, as its accounting would have told: something for the charts."""
        rows = ["type,timeLogged,rcpt,dsnStatus,dsnDiag,bounceCat,vmta"]
        for number in range(600):
            moment = f"{datetime.now(UTC) - timedelta(days=1 + number % 14):%Y-%m-%d} 09:00:{number % 60:02}+0000"
            rcpt = f"p{number}@{('gmail.com', 'yahoo.com', 'outlook.com', 'orange.fr')[number % 4]}"
            answer = HISTORY[0] if number % 60 else HISTORY[1 + number // 60 % 3]
            rows.append(answer.format(moment=moment, rcpt=rcpt) + ",sos-expat-45.123.10.1")
        request = urllib.request.Request(
            self.events_url, data="\n".join(rows).encode(), headers={"Content-Type": "text/csv"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert json.load(answer)["stored"] == 600

    def run_script(self, folder):
        """(exit code, output); the domain is published when the script waits for it, as its user would do."""
        zone, lines, port = folder / "zone", [], free_port()
        self.client.call("ir.config_parameter", "set_param", "email_engine_bridge.dns_servers", f"127.0.0.1:{port}")
        environment = {
            "PATH": os.environ["PATH"],
            "ENGINE_URL": self.url,
            "ENGINE_API_KEY": self.key,
            "EVENTS_URL": self.events_url,
            "ACCOUNTING": str(self.accounting),
            "TENANT": str(self.tenant),
            "DOMAIN": DOMAIN,
            "IP": IP,
            "ZONE": str(zone),
            "DNS_SECONDS": "60",
        }
        command = ["sh", str(ROOT / "docs" / "campaign_walkthrough.sh")]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as script:
            for line in script.stdout:
                lines.append(line)
                if line.startswith("2."):
                    with name_server.publishing(DOMAIN, IP, zone.read_text(), folder, port):
                        lines += script.stdout
        return script.returncode, "".join(lines)


@pytest.mark.skipif(not name_server.knotd(), reason="apt-get install knot")
def test_the_documented_script(journey, tmp_path):
    """Every call succeeds; the DNS lets the IP start, three are sent by real jobs, one address turns out dead."""
    code, output = journey.run_script(tmp_path)
    assert code == 0, output
    assert "_domainkey" in output
    assert '"status":"warming"' in output
    sent = json.loads(next(line for line in output.splitlines() if line.startswith('{"success"')))
    assert (sent["total_recipients"], sent["ip_used"], sent["ip_status"]) == (3, IP, "warming")
    assert sent["quota_info"] == {"daily_quota": 50, "sent_today_before": 0, "remaining_after": 47}
    assert "Delivered in 30 days: 2" in output
    suppressed = journey.client.call("engine.suppression", "search_read", [], ["email", "reason"])
    assert [(one["email"], one["reason"]) for one in suppressed] == [("bounce-paul@example.com", "hard_bounce")]


def test_acct_feed_delivers_signed_and_only_once(journey, tmp_path):
    """Our own pipe signs; what the script delivered already is known by its rows."""
    from standardwebhooks import Webhook  # the scheme's reference library makes the secret usable at all

    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert Webhook(secret)
    values = {"name": "Pipe", "tenant_id": journey.tenant, "signing_secret": secret}
    source = journey.client.create("engine.webhook.source", values)
    url = f"{journey.url}/api/v2/webhooks/powermta"
    command = [str(ROOT / "lokario"), "acct-feed", "--url", url, "--spool", str(tmp_path / "spool")]
    feed = subprocess.run(
        [*command, str(journey.accounting)],
        env={**os.environ, "LOKARIO_ACCT_SECRET": secret},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert feed.returncode == 0, feed.stdout + feed.stderr
    assert journey.client.read("engine.webhook.source", source, "received_count")["received_count"] == 6
    forged = subprocess.run(
        [*command, str(journey.accounting)],
        env={**os.environ, "LOKARIO_ACCT_SECRET": "whsec_" + "AAAA" * 8},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert forged.returncode != 0
    assert len(list((tmp_path / "spool").iterdir())) == 1
    [overview] = journey.client.call("engine.campaign", "search_read", [], ["delivered_count", "bounced_count"])
    assert (overview["delivered_count"], overview["bounced_count"]) == (2, 1)


def test_the_screens_in_french(journey):
    journey.client.call("res.users", "write", [journey.client.uid], {"lang": "fr_FR", "tz": "Europe/Paris"})
    journey.report_history()
    template = journey.client.find("engine.template", [])
    campaign = journey.client.find("engine.campaign", [])
    with Browser() as browser:
        browser.log_in(journey.url, "admin", "admin")
        for name, path, text in (
            ("campaigns", "engine-campaigns", "Walkthrough"),
            ("campaign", f"engine-campaigns/{campaign}", "Par quelles IP"),
            ("template", f"engine-templates/{template}", "Sombre"),
            ("contacts", "engine-contacts", "jean@example.com"),
            ("journal", "engine-journal", "bounce-paul@example.com"),
            ("statistics", "engine-charts", ""),
            ("tenants", "engine-tenants-charts", ""),
            ("ips", "engine-ips-charts", ""),
            ("providers", "engine-providers-charts", ""),
            ("results", "engine-statistics", "gmail"),
            ("sources", "engine-sources", "PowerMTA 1"),
        ):
            browser.open(f"{journey.url}/odoo/{path}")
            browser.see(".o_action_manager" if text else ".o_graph_renderer canvas", text)
            if name == "template":  # shown in a frame without rights: only its source can be asked
                browser.wait("document.querySelector('iframe.o_engine_mail_preview').srcdoc.includes('Bonjour Jean,')")
            picture(browser, name)
        assert not browser.errors


def test_a_campaign_by_hand_in_french(journey):
    """Contacts from a file, a campaign by its buttons: what fits leaves, and the day of the last mail is told."""
    client = journey.client
    client.call("res.users", "write", [client.uid], {"lang": "fr_FR", "tz": "Europe/Paris"})
    client.create("engine.contact.list", {"name": "Abonnés", "tenant_id": journey.tenant})
    [template] = client.call("engine.template", "search_read", [], ["name"])
    with Browser() as browser:
        browser.log_in(journey.url, "admin", "admin")
        browser.open(f"{journey.url}/odoo/action-email_engine_campaign.engine_contact_import_action")
        browser.click(".o_list_button_add")
        choose(browser, "tenant_id", "SOS-Expat")
        choose(browser, "list_id", "Abonnés")
        browser.see(".o_field_widget[name=file]")
        browser.evaluate(UPLOAD % json.dumps("email,first_name\n" + "".join(f"a{n}@x.test,N{n}\n" for n in range(120))))
        browser.wait("document.querySelector('.o_field_widget[name=file] input').value === 'abonnes.csv'")
        browser.see(".o_field_widget[name=column_ids]", "first_name")
        browser.click("button[name=action_import]")
        browser.see(".o_field_widget[name=report]", "120 lignes")
        browser.open(f"{journey.url}/odoo/engine-campaigns/new")
        browser.fill(".o_field_widget[name=name] input", "Offre d’automne")
        choose(browser, "tenant_id", "SOS-Expat")
        choose(browser, "template_id", template["name"])
        choose(browser, "list_ids", "Abonnés")
        browser.click("button[name=action_send]")
        browser.click(".modal footer button", "Ok")
        browser.see(".alert-info", "attendent")
        campaign = client.find("engine.campaign", [["name", "=", "Offre d’automne"]])
        answer = client.read("engine.campaign", campaign, "send_answer")["send_answer"]
        assert 0 < answer["sent_later"] < 120
        wait_until(lambda: client.read("engine.campaign", campaign, "sent_count")["sent_count"] == answer["sent_today"])
        browser.open(f"{journey.url}/odoo/engine-campaigns/{campaign}")
        browser.see(".o_field_widget[name=chunk_ids]", "45.123.10.1")
        last_day = date.fromisoformat(answer["fully_sent_on"])
        browser.see(".alert-info .o_field_widget[name=fully_sent_on]", str(last_day.day))
        picture(browser, "forecast")
        assert not browser.errors


def choose(browser, field, text):
    """Pick a record in a many2one or tags field, once the search has answered."""
    browser.fill(f".o_field_widget[name={field}] input", text)
    browser.click(".o-autocomplete--dropdown-item", text)
    browser.wait("!document.querySelector('.o-autocomplete--dropdown-item')")


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


def picture(browser, name):
    if folder := os.environ.get("LOKARIO_IMAGES"):
        time.sleep(0.7)  # charts are drawn with an animation
        browser.picture(Path(folder) / f"engine-campaign-{name}.png")
