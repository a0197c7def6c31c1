"""What people do with their account, in French and in a real browser: sign-up, contact, undo, deletion.

With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import hmac
import json
import os
import re
import time
import urllib.request
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from lokario_cli.odoo_process import TEST_SECRETS, Server
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.mail import SmtpServer

LOGIN, PASSWORD, NAME = "zoe.canari@example.org", "Long-Secret-42!", "Zoé Canari"
EMPLOYEE = "paul.interne@example.org"
SENDER = "noreply@lokario.test"
DESKTOP, PHONE = (1280, 900), (390, 844)
PARAMETERS = {
    "auth_signup.invitation_scope": "b2c",
    "auth_signup.reset_password": "True",
    "web.base.url.freeze": "True",
}


class Site:
    """A running server, its outgoing mail and a browser."""

    def __init__(self, cluster, database, server, smtp, browser):
        self.cluster, self.database, self.server = cluster, database, server
        self.smtp, self.browser = smtp, browser
        self.seen = 0

    def open(self, path):
        self.browser.open(self.server.url + path)

    def sql(self, query):
        return self.cluster.psql(query, self.database)

    def use_up(self, key, limit):
        """As if this hour's and the next hour's limit were reached."""
        secret = self.sql("SELECT value FROM ir_config_parameter WHERE key = 'database.secret'")
        digest = hmac.new(secret.encode(), key.encode(), "sha256").hexdigest()
        self.sql(
            f"""INSERT INTO lokario_rate_limit (key_hash, period_start, count)
                SELECT '{digest}', date_trunc('hour', now() AT TIME ZONE 'UTC') + hours * interval '1 hour', {limit}
                  FROM generate_series(0, 1) AS hours
                ON CONFLICT (key_hash, period_start) DO UPDATE SET count = excluded.count"""
        )

    def picture(self, name):
        if folder := os.environ.get("LOKARIO_IMAGES"):
            self.browser.picture(Path(folder) / f"{name}.png")

    def resize(self, width, height):
        parameters = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.send("Emulation.setDeviceMetricsOverride", **parameters)

    def fits_a_phone(self, name):
        """Show the page as a phone does: nothing is wider than it."""
        self.resize(*PHONE)
        self.browser.wait("document.documentElement.scrollWidth <= innerWidth")
        self.picture(f"{name}-phone")
        self.resize(*DESKTOP)

    def next_mail(self, timeout=120):
        """The next mail that left the server: (sender, recipients, message)."""
        deadline = time.monotonic() + timeout
        while len(self.smtp.received) <= self.seen:
            assert time.monotonic() < deadline, "no mail came"
            time.sleep(0.1)
        sender, recipients, raw, _login = self.smtp.received[self.seen]
        self.seen += 1
        return sender, recipients, message_from_bytes(raw, policy=policy.default)

    def mailed_link(self, pattern):
        sender, recipients, message = self.next_mail()
        assert (sender, recipients) == (SENDER, [LOGIN])
        html = message.get_body(["html"]).get_content()
        return str(message["Subject"]), re.search(pattern, html)[0].replace("&amp;", "&")

    def log_in(self):
        self.open("/web/login")
        self.browser.fill("input[name=login]", LOGIN)
        self.browser.fill("input[name=password]", PASSWORD)
        self.browser.evaluate("document.querySelector('form.oe_login_form').submit()")


@pytest.fixture(scope="module")
def site(environment, suite_database):
    database = environment.clone(suite_database, "account_journeys")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    options = environment.options(**{"lokario/manager_db": database, "db_name": database, "max_cron_threads": "1"})
    with SmtpServer() as smtp, Browser(*DESKTOP) as browser:
        mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(smtp.port), "SMTP_ENCRYPTION": "none"}
        server = Server("account-journeys", options, {**mail, "SMTP_FROM_EMAIL": SENDER})
        site = Site(environment.cluster, database, server, smtp, browser)
        for key, value in {**PARAMETERS, "web.base.url": server.url}.items():
            site.sql(
                f"""INSERT INTO ir_config_parameter (key, value) VALUES ('{key}', '{value}')
                ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
            )
        site.sql("UPDATE ir_mail_server SET active = false")
        site.sql("UPDATE res_partner SET email = 'contact@alpha.test' WHERE id = 1")
        site.sql("UPDATE res_company SET email = 'contact@alpha.test' WHERE id = 1")
        with server:
            yield site
    environment.drop(database)


def test_1_sign_up(site):
    browser = site.browser
    site.open("/auth/signup")
    browser.fill("input[name=login]", LOGIN)
    browser.fill("input[name=name]", NAME)
    browser.fill("input[name=password]", PASSWORD)
    browser.fill("input[name=confirm_password]", PASSWORD)
    browser.click("button[type=submit]")
    browser.see("h4", "Consultez votre messagerie")
    site.picture("signup-sent")
    site.fits_a_phone("signup-sent")
    site.log_in()
    browser.see(".alert-danger", "Confirmez d'abord votre adresse e-mail")
    subject, link = site.mailed_link(r"http[^\"]*/auth/verify\?token=[\w-]+")
    assert subject == "Confirmez votre adresse e-mail"
    browser.open(link)
    browser.fill("#verify_password", PASSWORD)
    browser.click("button", "Confirmer et ouvrir mon compte")
    browser.see("h4", "Votre compte est ouvert")
    browser.open(link)
    browser.see("h4", "Ce lien n'est pas valide")
    site.log_in()
    browser.wait("location.pathname.startsWith('/my') || location.pathname.includes('login_successful')")


def test_2_contact_form(site):
    browser = site.browser
    site.browser.forget()
    site.open("/contact")
    browser.see("h1", "Contactez-nous")
    site.picture("contact")
    site.fits_a_phone("contact")
    browser.fill("#name", NAME)
    browser.fill("#email", "pas une adresse")
    browser.fill("#message", "Bonjour,\nun devis ?")
    browser.click("button", "Envoyer")
    browser.see(".invalid-feedback", "Cette adresse e-mail n'est pas valide.")
    site.picture("contact-error")
    browser.fill("#email", LOGIN)
    browser.click("button", "Envoyer")
    browser.see(".alert-success", "Merci.")
    sender, recipients, message = site.next_mail()
    assert (sender, recipients) == (SENDER, ["contact@alpha.test"])
    assert LOGIN in str(message["Reply-To"])


def test_2_contact_form_of_a_busy_network(site):
    """The browser answers the captcha automatically; whoever presses Send before waits for that."""
    browser = site.browser
    browser.forget()
    site.use_up("contact-network|127.0.0.0/24", 20)
    site.open("/contact")
    for field, text in {"name": NAME, "email": "zoe.bis@example.org", "message": "Bonjour encore"}.items():
        browser.fill(f"#{field}", text)
    browser.click("button", "Envoyer")
    browser.see(".alert", "un court calcul")
    browser.wait("document.querySelector('[role=status]')?.textContent")
    site.picture("contact-captcha")
    browser.click("button", "Envoyer")
    browser.see(".alert-success", "Merci.")
    _sender, recipients, message = site.next_mail()
    assert recipients == ["contact@alpha.test"]
    assert "zoe.bis@example.org" in str(message["Reply-To"])
    assert not browser.errors


def test_3_request_and_undo(site):
    _request_deletion(site)
    site.log_in()
    site.browser.see(".alert-danger", "Ce compte va être supprimé")
    subject, link = site.mailed_link(r"http[^\"]*/users/deletion/undo\?token=[\w-]+")
    assert subject.startswith("Votre compte sera supprimé la nuit qui suit le")
    site.browser.open(link)
    site.browser.see("h4", "Garder votre compte ?")
    site.picture("deletion-undo")
    site.fits_a_phone("deletion-undo")
    site.browser.click("button", "Garder mon compte")
    site.browser.see("h4", "Votre compte est conservé")
    site.log_in()
    site.browser.wait("location.pathname.startsWith('/my') || location.pathname.includes('login_successful')")


def _request_deletion(site):
    browser = site.browser
    site.browser.forget()
    site.log_in()
    browser.wait("location.pathname.startsWith('/my') || location.pathname.includes('login_successful')")
    site.open("/my/account/deletion")
    browser.see("h3", "Supprimer mon compte")
    site.picture("deletion-request")
    site.fits_a_phone("deletion-request")
    browser.fill("#deletion_password", "wrong")
    browser.click("button", "Supprimer mon compte")
    browser.see(".alert-danger", "Le mot de passe n'est pas correct.")
    browser.fill("#deletion_password", PASSWORD)
    browser.click("button", "Supprimer mon compte")
    browser.see("h4", "La suppression de votre compte est programmée")


def test_4_request_and_deletion(site):
    _request_deletion(site)
    site.next_mail()
    site.sql(
        "UPDATE lokario_account_deletion SET deletion_scheduled_at = '2020-01-01', due_at = '2020-01-01'"
        " WHERE state = 'scheduled'"
    )
    request = urllib.request.Request(
        f"{site.server.url}/users/process-account-deletions",
        headers={"Authorization": f"Bearer {TEST_SECRETS['CRON_SECRET']}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert "terminé avec succès" in answer.read().decode()
    assert site.sql("SELECT state FROM lokario_account_deletion ORDER BY id DESC LIMIT 1") == "done"
    assert site.sql(f"SELECT count(*) FROM res_users WHERE login = '{LOGIN}'") == "0"
    assert site.sql(f"SELECT count(*) FROM res_partner WHERE email = '{LOGIN}' OR name = '{NAME}'") == "0"
    site.browser.forget()
    site.log_in()
    site.browser.see(".alert-danger")


def test_5_the_managers_screens(site):
    browser = site.browser
    site.browser.forget()
    browser.log_in(site.server.url, "admin", "admin")
    site.open("/odoo/action-lokario_account.account_deletion_action")
    browser.see(".o_searchview", timeout=120)  # the first visit builds the web client's assets
    browser.click(".o_facet_remove")
    done = site.sql("SELECT name FROM lokario_account_deletion WHERE state = 'done' ORDER BY id DESC LIMIT 1")
    browser.see(".o_data_row td[name=name]", done)
    site.picture("deletion-list")
    browser.click(".o_data_row td[name=name]", done)
    browser.see("button", "Certificat")
    site.picture("deletion-form")
    site.open("/odoo/action-lokario_base.scheduled_job_action")
    browser.see(".o_data_row", "supprimer les comptes")
    site.picture("scheduled-jobs")
    site.open("/odoo/settings#lokario_base")
    browser.click(".settings_tab .tab, .settings_tab a", "Lokario")
    browser.see(".app_settings_block", "Serveur global")
    site.picture("settings-lokario")
    assert not browser.errors


@pytest.fixture
def employee(site):
    """Somebody who works in the back office; the manager reads French, too."""
    client = OdooClient(site.server.url)
    client.login(site.database, "admin", "admin")
    client.call("res.users", "write", [2], {"lang": "fr_FR"})
    values = {"name": "Paul Interne", "login": EMPLOYEE, "email": EMPLOYEE, "password": PASSWORD, "lang": "fr_FR"}
    user = client.create("res.users", {**values, "notification_type": "email"})
    client.create("res.partner", {"name": "Client de Paul", "user_id": user})
    site.seen = len(site.smtp.received)
    return user


def test_6_preferences_request_and_undo(site, employee):
    browser = site.browser
    site.browser.forget()
    browser.log_in(site.server.url, EMPLOYEE, PASSWORD)
    browser.click(".o_user_menu button")
    browser.click("[data-menu=preferences]")
    browser.click(".o_notebook .nav-link", "Sécurité")
    browser.see("button[name=action_request_deletion]")
    site.picture("deletion-preferences")
    browser.click("button[name=action_request_deletion]")
    browser.fill(".modal input[type=password]", PASSWORD)
    browser.click(".modal button[name=run_check]")
    browser.see(".modal", "supprimé définitivement")
    browser.see(".modal", "À qui est-ce ?")
    browser.see(".modal .o_data_row td[name=choice]", "Garder pour l'entreprise")
    site.picture("deletion-consequences")
    browser.click(".modal button[name=action_confirm]", "Supprimer ce compte")
    browser.see("h4", "La suppression de votre compte est programmée")
    browser.open(_undo_link(site))
    browser.click("button", "Garder mon compte")
    browser.see("h4", "Votre compte est conservé")
    assert OdooClient(site.server.url).login(site.database, EMPLOYEE, PASSWORD) == employee


def test_7_the_managers_action(site):
    browser, user = site.browser, site.sql(f"SELECT id FROM res_users WHERE login = '{EMPLOYEE}'")
    site.browser.forget()
    browser.log_in(site.server.url, "admin", "admin")
    site.open(f"/odoo/action-base.action_res_users/{user}")
    browser.click(".o_cp_action_menus button")
    browser.click(".o-dropdown-item", "Supprimer le compte")
    browser.fill(".modal input[type=password]", "admin")
    site.resize(*PHONE)
    browser.click(".modal button[name=run_check]")
    browser.see(".modal", "Paul Interne")
    _choose_on_a_phone(site)
    site.resize(*DESKTOP)
    browser.click(".modal button[name=action_confirm]", "Supprimer ce compte")
    browser.see(".o_notification", "La suppression est programmée")
    assert _undo_link(site)
    site.open("/odoo/action-lokario_account.account_deletion_action")
    browser.click(".o_data_row td", "Paul Interne")
    browser.click("button[name=action_undo]", "Annuler")
    browser.click(".modal button", "Ok")
    browser.see(".o_statusbar_status .o_arrow_button_current", "Annul")
    assert site.sql("SELECT state FROM lokario_account_deletion ORDER BY id DESC LIMIT 1") == "cancelled"


def _choose_on_a_phone(site):
    """What the account owns is a card a thing there, and a card opens its choices."""
    browser = site.browser
    browser.see(".modal .o_kanban_record", "Garder pour l'entreprise")
    site.picture("deletion-by-a-manager-phone")
    assert browser.evaluate("document.querySelector('.modal .o_kanban_record').getBoundingClientRect().right <= 390")
    browser.click(".modal .o_kanban_record", "Garder pour l'entreprise")
    browser.see(".modal .o_field_widget[name=choice] select, .modal .o_field_widget[name=choice] input")
    site.picture("deletion-choice-phone")
    browser.click(".modal .o_form_button_cancel")
    browser.see(".modal .o_kanban_record", "Garder pour l'entreprise")


def _undo_link(site):
    _sender, recipients, message = site.next_mail()
    assert recipients == [EMPLOYEE]
    return re.search(r"http[^\"]*/users/deletion/undo\?token=[\w-]+", message.get_body(["html"]).get_content())[0]


def test_8_the_certificate_is_a_document(site):
    """A PDF where the server can print, else a page."""
    client = OdooClient(site.server.url)
    client.login(site.database, "admin", "admin")
    deletion = client.call("lokario.account.deletion", "search", [["state", "=", "done"]], limit=1)[0]
    action = client.call("lokario.account.deletion", "action_print_certificate", [deletion])
    printable = json.loads(client.open("/report/check_wkhtmltopdf", b"{}", {"Content-Type": "application/json"})[1])
    kind = "pdf" if printable["result"] in ("ok", "workers") else "html"
    status, content = client.open(f"/report/{kind}/{action['report_name']}/{deletion}")
    assert status == 200
    assert content.startswith(b"%PDF") if kind == "pdf" else b"Certificat" in content
    if kind == "pdf" and (folder := os.environ.get("LOKARIO_IMAGES")):
        (Path(folder) / "deletion-certificate.pdf").write_bytes(content)
