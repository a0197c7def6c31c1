"""A campaign from nothing to its figures: by the documented curl script, then through the screens in French.

With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import json
import os
import re
import subprocess
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lokario_cli.paths import ROOT
from lokario_cli.worlds import pmta
from lokario_cli.worlds.browser import Browser
from lokario_cli.worlds.client import OdooClient
from lokario_cli.worlds.odoo import Server

DATABASE = "campaign_journey"
HISTORY = (
    "d,{moment},{rcpt},2.0.0 (success),smtp;250 OK,",
    "b,{moment},{rcpt},5.1.1,smtp;550 5.1.1 user unknown,bad-mailbox",
    "b,{moment},{rcpt},5.7.1,smtp;550 5.7.1 blocked using zen.spamhaus.org,spam-related",
    "t,{moment},{rcpt},4.2.0,smtp;450 4.2.0 try again later,other",
)


@pytest.fixture(scope="module")
def journey(world, suite_database, tmp_path_factory):
    accounting = tmp_path_factory.mktemp("pmta") / "acct.csv"
    database = world.clone(suite_database, DATABASE)
    world.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = world.options(**{"lokario/manager_db": database, "db_name": database})
    with pmta.process(accounting) as (host, port), Server("campaign-journey", options) as server:
        client = OdooClient(server.url)
        client.login(database, "admin", "admin")
        yield Journey(server, client, accounting, host, port)
    world.drop(database)


class Journey:
    """The document's tenant with one IP that a manager accepted, a key, an event source."""

    def __init__(self, server, client, accounting, host, port):
        self.url, self.client, self.accounting = server.url, client, accounting
        names = {"name": "SOS-Expat", "slug": "sos-expat", "from_name": "SOS Expat"}
        delivery = {"delivery_host": host, "delivery_port": port}
        self.tenant = client.create("engine.tenant", {**names, "from_email": "no-reply@sos-expat.com", **delivery})
        key = client.create("engine.api.key", {"name": "Walkthrough", "tenant_ids": [self.tenant]})
        self.key = client.call("engine.api.key", "action_issue_token", [key])["context"]["engine_token"]
        source = client.create("engine.webhook.source", {"name": "PowerMTA 1", "tenant_id": self.tenant})
        address = client.call("engine.webhook.source", "action_new_token", [source])["context"]["engine_token"]
        self.events_url = self.url + re.search(r"/api/v2/webhooks/\S+", address)[0]
        domain = client.create("engine.domain", {"name": "mail1.sos-mail.com", "tenant_id": self.tenant})
        values = {"address": "45.123.10.1", "hostname": "mail1.sos-mail.com", "domain_id": domain}
        ip = client.create("engine.ip", values)
        change = {"ip_ids": [ip], "action": "accept", "reason": "No DNS in this test"}
        client.call("engine.ip.change", "action_apply", [client.create("engine.ip.change", change)])

    def report_history(self):
        """Two weeks of the IP's mail, as its accounting would have told: something for the charts to show."""
        rows = ["type,timeLogged,rcpt,dsnStatus,dsnDiag,bounceCat,vmta"]
        for number in range(600):
            moment = f"{datetime.now(UTC) - timedelta(days=number % 14):%Y-%m-%d} 09:00:{number % 60:02}+0000"
            rcpt = f"p{number}@{('gmail.com', 'yahoo.com', 'outlook.com', 'orange.fr')[number % 4]}"
            answer = HISTORY[0] if number % 17 else HISTORY[1 + number // 17 % 3]
            rows.append(answer.format(moment=moment, rcpt=rcpt) + ",sos-expat-45.123.10.1")
        request = urllib.request.Request(
            self.events_url, data="\n".join(rows).encode(), headers={"Content-Type": "text/csv"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["stored"] == 600

    def run_script(self):
        environment = {
            "PATH": os.environ["PATH"],
            "ENGINE_URL": self.url,
            "ENGINE_API_KEY": self.key,
            "EVENTS_URL": self.events_url,
            "ACCOUNTING": str(self.accounting),
            "TENANT": str(self.tenant),
        }
        command = ["sh", str(ROOT / "docs" / "campaign_walkthrough.sh")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_the_documented_script(journey):
    """Every call succeeds; three are sent by real jobs, two delivered, one address turns out dead."""
    done = journey.run_script()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "_domainkey" in done.stdout
    sent = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"success"')))
    assert (sent["total_recipients"], sent["ip_used"], sent["ip_status"]) == (3, "45.123.10.1", "warming")
    assert sent["quota_info"] == {"daily_quota": 50, "sent_today_before": 0, "remaining_after": 47}
    assert "Delivered in 30 days: 2" in done.stdout
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
        timeout=60,
    )
    assert feed.returncode == 0, feed.stdout + feed.stderr
    assert journey.client.read("engine.webhook.source", source, "received_count")["received_count"] == 6
    forged = subprocess.run(
        [*command, str(journey.accounting)],
        env={**os.environ, "LOKARIO_ACCT_SECRET": "whsec_" + "AAAA" * 8},
        capture_output=True,
        text=True,
        timeout=60,
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
            ("template", f"engine-templates/{template}", "Bonjour Jean,"),
            ("contacts", "engine-contacts", "jean@example.com"),
            ("journal", "engine-journal", "bounce-paul@example.com"),
            ("statistics", "engine-charts", ""),
            ("tenants", "engine-tenants-charts", ""),
            ("ips", "engine-ips-charts", ""),
            ("providers", "engine-providers-charts", ""),
            ("figures", "engine-statistics", "gmail"),
            ("sources", "engine-sources", "PowerMTA 1"),
        ):
            browser.open(f"{journey.url}/odoo/{path}")
            browser.see(".o_action_manager" if text else ".o_graph_renderer canvas", text)
            picture(browser, name)
        assert not browser.errors


def picture(browser, name):
    if folder := os.environ.get("LOKARIO_IMAGES"):
        time.sleep(0.7)  # charts are drawn with an animation
        browser.picture(Path(folder) / f"engine-campaign-{name}.png")
