"""Messages about instances, as a German client, a French client with a login and French staff see them in a browser.

With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import email
import email.policy
import html
import importlib.util
import os
import re
import time
from pathlib import Path

import pytest
from fleet import wait_until

from lokario_cli.odoo_process import Server
from lokario_cli.paths import ROOT
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.databases import run_script
from lokario_testing.environments.mail import SmtpServer

IMAGES = Path(os.environ["LOKARIO_IMAGES"]).resolve() if "LOKARIO_IMAGES" in os.environ else None
DESKTOP, PHONE = (1280, 860), (390, 844)
SET_UP = """
from odoo.addons.saas_manager.tests.common import make_offer

env["res.lang"]._activate_lang("de_DE")
ours = ("saas_manager", "saas_notification", "saas_notification_sms")
env["ir.module.module"].search([("name", "in", ours)])._update_translations(["de_DE", "fr_FR"])
env.ref("base.user_admin").lang = "fr_FR"
env.company.write({{"name": "Lokario", "email": "bonjour@lokario.test"}})
env["ir.mail_server"].search([]).active = False
sink = {{"name": "sink", "smtp_host": "127.0.0.1", "smtp_port": {smtp}, "smtp_encryption": "none"}}
env["ir.mail_server"].create(sink)
parameters = {{"sms.endpoint": {sms!r}, "web.base.url": {url!r}, "web.base.url.freeze": "True"}}
parameters |= {{f"saas_notification_sms.{{name}}": "0" for name in ("opens", "closes")}}
for name, value in parameters.items():
    env["ir.config_parameter"].set_param(name, value)
_server, _template, plan, _partner = make_offer(env, "journey")
for first, last, lang, country, phone in (
    ("anna", "Schmidt", "de_DE", "base.de", "+49 30 901820"),
    ("marie", "Martin", "fr_FR", "base.fr", "+33 6 12 34 56 78"),
):
    values = {{"name": f"{{first.title()}} {{last}}", "email": f"{{first}}@client.test", "lang": lang, "phone": phone}}
    partner = env["res.partner"].create({{**values, "country_id": env.ref(country).id}})
    values = {{"name": last, "subdomain": first, "partner_id": partner.id, "plan_id": plan.id}}
    instance = env["saas.instance"].create({{**values, "expiration_date": "2031-05-06"}})
    instance._set_guarded(
        state="active", is_deployed=True, activation_date="2026-01-02 03:04:05", attempt=first, user_count=7,
        database_size=61.5, measured_at="2026-11-29 06:00:00", last_login_at="2026-11-28 15:30:00",
        certificate_until="2027-02-01",
    )
    instance._queue_lifecycle_email("converted")
values = {{"login": "marie", "password": "marie-und-ihr-odoo", "partner_id": partner.id}}
groups = [(6, 0, env.ref("base.group_portal").ids)]
env["res.users"].with_context(no_reset_password=True).create({{**values, "group_ids": groups}})
env["saas.reminder"].create({{"kind": "expiring", "days": 30}})
env.cr.commit()
"""
LATER = """
for instance in env["saas.instance"].search([]):
    instance._queue_lifecycle_email("expiring")
env.cr.commit()
"""


class Journey:
    def __init__(self, environment, database, server, mails, provider):
        self.environment, self.database = environment, database
        self.server, self.mails, self.provider = server, mails, provider

    def wait_for(self, address, word):
        """The text of the mail to ``address`` whose subject has the word."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for _sender, to, raw, _login in self.mails.received:
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                if address in to and word in str(mail["Subject"]):
                    return mail.get_body(("html",)).get_content()
            time.sleep(0.1)
        raise AssertionError([str(raw[:300]) for *_names, raw, _login in self.mails.received])

    def link(self, text, path):
        return html.unescape(re.search(rf'(?:href|src)="([^"]*{path}[^"]+)"', text)[1])


def sms_provider():
    """The addon's own stand-in for a provider; the addon itself cannot be imported without a database."""
    path = ROOT / "saas_notification_sms" / "tests" / "sms_provider.py"
    specification = importlib.util.spec_from_file_location("sms_provider", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.SmsProvider()


def picture(browser, name):
    if IMAGES:
        browser.picture(IMAGES / f"saas-{name}.png")


def resize(browser, size):
    browser.send("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)


@pytest.fixture
def journey(environment, suite):
    with SmtpServer() as mails, sms_provider() as provider:
        names = {"lokario/manager_db": suite, "db_name": suite, "workers": "0", "max_cron_threads": "0"}
        server = Server(f"saas-journey-{os.getpid()}", environment.options(**names))
        values = {"smtp": mails.port, "sms": provider.url, "url": f"http://localhost:{server.port}"}
        run_script(server.conf, suite, SET_UP.format(**values))
        with server:
            yield Journey(environment, suite, server, mails, provider)


def test_what_clients_and_staff_see(journey):
    german = journey.wait_for("anna@client.test", "ist produktiv")
    with Browser(*DESKTOP, language="de-DE") as browser:
        choose_in_german(journey, browser, journey.link(german, "/saas/preferences/"))
        run_script(journey.server.conf, journey.database, LATER)
        journey.environment.cluster.psql("NOTIFY queue_job", journey.database)
        french = journey.wait_for("marie@client.test", "expire bientôt")
        assert "/saas/opened/" not in french
        later = journey.wait_for("anna@client.test", "läuft bald ab")
        assert "Sie sind einverstanden, dass wir sehen" in later
        browser.forget()
        browser.open(journey.link(later, "/saas/preferences/"))
        browser.see("h4", "Welche Nachrichten")
    wait_until(lambda: journey.provider.taken, 120)
    assert [number for number, _text in journey.provider.taken] == ["+4930901820"]
    assert "läuft am" in journey.provider.taken[0][1]
    with Browser(*DESKTOP) as browser:
        french_client_in_the_portal(journey, browser)
        browser.forget()
        staff_in_french(journey, browser)
        assert [error for error in browser.errors if "Failed to load resource" not in error] == []


def choose_in_german(journey, browser, link):
    browser.open(link)
    browser.see("h4", "Welche Nachrichten möchten Sie erhalten?")
    browser.see("form", "Sie lässt sich nicht abbestellen")
    browser.evaluate("document.querySelector('select[name=expiring]').value = 'both'")
    browser.click("input[name=receipts]")
    resize(browser, PHONE)
    picture(browser, "preferences-de-phone")
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
    resize(browser, DESKTOP)
    browser.click("button[type=submit]")
    browser.see(".alert-success")
    assert browser.evaluate("document.querySelector('select[name=expiring]').value") == "both"
    picture(browser, "preferences-de")


def french_client_in_the_portal(journey, browser):
    browser.open(f"{journey.server.url}/web/login")
    browser.fill("input[name=login]", "marie")
    browser.fill("input[name=password]", "marie-und-ihr-odoo")
    browser.evaluate("document.querySelector('form.oe_login_form').submit()")
    browser.see("a[href='/my/messages']")
    browser.click("a[href='/my/messages']")
    browser.see("h3", "Quels messages")
    picture(browser, "portal-fr")
    browser.click("button[type=submit]", "Enregistrer")
    browser.see(".alert-success")


def staff_in_french(journey, browser):
    base = f"{journey.server.url}/odoo"
    browser.log_in(journey.server.url, "admin", "admin")
    browser.open(f"{base}/saas-messages")
    browser.see(".o_data_row", "läuft bald ab")
    browser.see(".o_data_row", "Envoyé")
    picture(browser, "messages-fr")
    resize(browser, PHONE)
    browser.open(f"{base}/saas-messages")
    browser.see(".o_kanban_record", "läuft bald ab")
    picture(browser, "messages-fr-phone")
    resize(browser, DESKTOP)
    instance = journey.environment.cluster.psql("SELECT max(id) FROM saas_instance", journey.database)
    browser.open(f"{base}/saas-instances/{instance}")
    browser.see(".o_field_widget[name=next_reminder]", "expir")
    browser.click(".o_notebook .nav-link", "Messages")
    browser.see(".o_field_widget[name=mail_ids] .o_data_row", "expire bientôt")
    picture(browser, "instance-fr")
    action = journey.environment.cluster.psql(
        "SELECT res_id FROM ir_model_data WHERE name = 'saas_message_preview_action'", journey.database
    )
    browser.open(f"{base}/action-{action}")
    browser.see(".o_field_widget[name=body]", "••••••••")
    for device, style in (("desktop", "padding: 16px"), ("phone", "360px"), ("dark", "invert")):
        browser.click(f".o_field_widget[name=device] input[data-value={device}]")
        browser.see(f".o_field_widget[name=body] [style*='{style}']", "••••••••")
        picture(browser, f"preview-{device}")
