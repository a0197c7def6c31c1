"""A person's first day with the inbox, in French and in a real browser, on a real Dovecot.

Add a mailbox, test it, watch the first synchronisation, read, search, assign, note, new mail by itself.
With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import os
import shutil
import tempfile
import time
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import pytest

from lokario_cli.odoo_process import Server
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.mail import MailEnvironment, SmtpServer
from lokario_testing.environments.winmail import file, tnef

ADDRESS, PASSWORD = "contact@atelier-du-bois.test", "Boite-de-l-atelier-42"
ADMIN = "Journal-de-bord-42!"
ROWS = "document.querySelectorAll('.lokario_row')"
LATER_HEIGHT = """(async () => {
    for (let frames = 0; frames < 30; frames++) await new Promise(requestAnimationFrame);
    return document.querySelector(".lokario_mail iframe").offsetHeight;
})()"""
LETTERS = [
    ("Élodie Marchand", "elodie.marchand@example.org", "Escalier : choix de l’essence",
     "Bonjour,\n\nMerci pour votre visite. Nous hésitons entre le chêne et le frêne.\nQuelle différence de prix ?"),
    ("Thomas Girard", "t.girard@example.org", "Demande de devis pour une terrasse",
     "Bonjour,\n\nNous aimerions une terrasse de 30 m² en douglas. Pouvez-vous passer cette semaine ?"),
    ("Scierie des Trois Chênes", "compta@trois-chenes.example", "Facture 2026-0412",
     "Bonjour,\n\nVeuillez trouver notre facture de 1 842,50 €, payable à 30 jours."),
    ("Julie Petit", "julie.petit@example.net", "Tiroir qui coince – commande 1187",
     "Bonjour,\n\nLe tiroir du bas ne ferme plus. Est-ce encore sous garantie ?"),
    ("Mairie de Clisson", "urbanisme@clisson.example", "Autorisation de voirie",
     "Bonjour,\n\nVotre demande a bien été enregistrée sous le numéro 2026-88."),
]  # fmt: skip


INVITATION = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:jeudi@example.org
DTSTART:20301205T090000Z
SUMMARY:Visite de l’atelier
ORGANIZER;CN=Karim Benali:mailto:karim@example.org
ATTENDEE:mailto:contact@atelier-du-bois.test
END:VEVENT
END:VCALENDAR
"""


def letter(name, address, subject, text, *, hours=1, html=None, winmail=None, calendar="", **headers):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"{name} <{address}>", ADDRESS, subject
    mail["Date"] = format_datetime(datetime.now().astimezone() - timedelta(hours=hours))
    mail["Message-ID"] = f"<{abs(hash((address, subject, hours)))}@example.org>"
    for header, value in headers.items():
        mail[header.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    if winmail:
        mail.add_attachment(winmail, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    if calendar:
        mail.add_attachment(calendar.encode(), maintype="text", subtype="calendar", filename="invite.ics")
    return mail.as_bytes()


class Journey:
    def __init__(self, cluster, database, server, mail, smtp, browser):
        self.cluster, self.database, self.server = cluster, database, server
        self.mail, self.smtp, self.browser = mail, smtp, browser

    def sql(self, query):
        return self.cluster.psql(query, self.database)

    def picture(self, name):
        if folder := os.environ.get("LOKARIO_IMAGES"):
            time.sleep(0.6)  # fades and avatars; only for the eye
            self.browser.picture(Path(folder) / f"inbox-{name}.png")

    def deliver(self, *arguments, **options):
        self.mail.deliver(ADDRESS, letter(*arguments, **options))


@pytest.fixture(scope="module")
def journey(environment, suite_database):
    cluster, database = environment.cluster, environment.clone(suite_database, "suite_for_inbox")
    options = environment.options(db_name=database, max_cron_threads=1, **{"lokario/manager_db": database})
    folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))  # Dovecot's own user must reach it
    with MailEnvironment(folder, driver="maildir") as mail:
        mail.add_user(ADDRESS, PASSWORD)
        with SmtpServer(mail, {ADDRESS: PASSWORD}) as smtp:
            _prepare(cluster, database, mail, smtp)
            with Server("inbox-journey", options) as server, Browser(1600, 900) as browser:
                yield Journey(cluster, database, server, mail, smtp, browser)
    shutil.rmtree(folder, ignore_errors=True)
    environment.drop(database)


def _prepare(cluster, database, mail, smtp):
    ports = f"127.0.0.1:{mail.imap_port},127.0.0.1:{smtp.port}"
    cluster.psql(
        "DELETE FROM ir_config_parameter WHERE key = 'lokario_mailbox.allowed_hosts';"
        f"INSERT INTO ir_config_parameter (key, value) VALUES ('lokario_mailbox.allowed_hosts', '{ports}')",
        database,
    )
    cluster.psql("UPDATE res_partner SET lang = 'fr_FR', name = 'Camille Moreau' WHERE id = 3", database)
    cluster.psql(f"UPDATE res_users SET password = '{ADMIN}' WHERE login = 'admin'", database)
    # Nothing that is written leaves before the end.
    cluster.psql("UPDATE res_company SET name = 'Atelier du Bois', inbox_undo_seconds = 3600 WHERE id = 1", database)


def test_first_day(journey):
    browser, url = journey.browser, journey.server.url
    for position, (name, address, subject, text) in enumerate(LETTERS):
        winmail = tnef(file("Plan du palier.pdf", bytes(20_480))) if "Escalier" in subject else None
        journey.deliver(name, address, subject, text, hours=position * 5 + 1, winmail=winmail)
    journey.deliver(
        "Bois & Finitions",
        "news@finitions.example",
        "Nos nouveautés de novembre",
        "Nouveautés",
        hours=9,
        html='<p style="height: 100vh; margin-bottom: 30px">Huiles dures</p><img src="https://cdn.example/p.png">',
        List_Unsubscribe="<mailto:x@y.z>",
    )
    browser.log_in(url, "admin", ADMIN)
    browser.open(f"{url}/odoo/inbox")
    browser.see(".lokario_empty", "Connectez votre première boîte")
    journey.picture("empty")

    _add_mailbox(journey)
    _watch_first_sync(journey)
    _read(journey)
    _search_and_assign(journey)
    _type_an_answer(journey)
    _new_mail_by_itself(journey)
    _on_the_phone(journey)
    _a_mailbox_that_cannot_be_read_is_not_all_done(journey)
    assert not browser.errors, browser.errors


def _add_mailbox(journey):
    browser = journey.browser
    browser.click(".lokario_sidebar .btn-primary", "Connecter")
    browser.see(".o_form_view [name=email_address] input")
    browser.fill("[name=name] input, [name=name] textarea", "Contact")
    browser.fill("[name=email_address] input", ADDRESS)
    browser.fill("[name=email_password] input", PASSWORD)
    for side, port in (("imap", journey.mail.imap_port), ("smtp", journey.smtp.port)):
        browser.fill(f"[name={side}_host] input", "127.0.0.1")
        browser.fill(f"[name={side}_port] input", str(port))
    _choose_security(browser)
    journey.picture("add-mailbox")
    browser.click("button[name=action_test_connection]")
    browser.see(".modal .o_list_view, .modal .o_field_x2many", timeout=120)
    browser.see(".modal button[name=action_loop]")
    journey.picture("connection-test")
    browser.click(".modal .btn-secondary, .modal .btn-close")


def _choose_security(browser):
    """Loopback without encryption, allowed for this address only."""
    for side in ("imap", "smtp"):
        field = f"[name={side}_security] input"
        browser.click(field)
        browser.click(".o_select_menu_item, .o-dropdown-item", "Auc")
        browser.wait(f"document.querySelector({field!r}).value.startsWith('Auc')")
        browser.wait("!document.querySelector('.o_select_menu_menu, .o-dropdown--menu')")


def _watch_first_sync(journey):
    browser = journey.browser
    browser.open(f"{journey.server.url}/odoo/inbox")
    browser.see(".lokario_row .lokario_subject", "Autorisation de voirie", timeout=120)
    browser.see(".lokario_mailbox", "Contact")
    assert not browser.evaluate(
        "[...document.querySelectorAll('.lokario_row')].some(r => r.innerText.includes('nouveautés'))"
    )
    journey.picture("list")


def _read(journey):
    browser = journey.browser
    browser.click(".lokario_row .lokario_subject", "Escalier")
    browser.see(".lokario_mail.open iframe")
    browser.wait("document.querySelector('.lokario_mail iframe').contentDocument.body.innerText.includes('frêne')")
    browser.wait("!document.querySelector('.lokario_row.active').classList.contains('unread')")
    browser.see(".lokario_attachment", "Plan du palier.pdf")  # from inside the winmail.dat
    browser.see(".lokario_attachment", "20 ko")
    journey.picture("reader")
    browser.click(".lokario_nav[data-view=newsletters]")
    browser.click(".lokario_row .lokario_subject", "nouveautés")
    browser.see(".lokario_images", "bloquées")
    journey.picture("images-blocked")
    browser.click(".lokario_show_images")
    browser.wait("document.querySelector('.lokario_mail iframe').contentDocument.querySelector('img[src]')")
    assert browser.evaluate(LATER_HEIGHT) < 300, "a height of the window is not one that grows with its mail"


def _search_and_assign(journey):
    browser = journey.browser
    browser.click(".lokario_nav[data-view=all]")
    browser.fill(".lokario_inbox_search input", "frene")
    browser.wait(f"{ROWS}.length === 1 && {ROWS}[0].innerText.includes('Escalier')")  # the answer, not the list before
    journey.picture("search")
    browser.click(".lokario_row .lokario_subject", "Escalier")
    browser.see(".lokario_reader_header h1", "Escalier")
    browser.click(".lokario_assign")
    browser.click(".o-dropdown-item, .dropdown-item", "M'assigner")
    browser.see(".lokario_assign", "Camille Moreau")
    browser.fill(".lokario_note_input", "Prévoir aussi un garde-corps.")
    browser.click(".lokario_note_box button:not([disabled])")
    browser.see(".lokario_note_body", "garde-corps")
    journey.picture("assigned")
    assert journey.sql("SELECT count(*) FROM inbox_conversation WHERE user_id IS NOT NULL").strip() == "1"


# The next change of a conversation takes a second to the server: what is asked for after it would overtake it.
SLOW_FIRST_CHANGE = """(() => {
    const { browser } = odoo.loader.modules.get("@web/core/browser/browser");
    let isFirst = true;
    window.changesAnswered = 0;
    browser.XMLHttpRequest = class extends XMLHttpRequest {
        open(method, url) {
            this.isChange = url.includes("inbox_update");
            super.open(...arguments);
        }
        send(body) {
            if (!this.isChange) {
                return super.send(body);
            }
            this.addEventListener("loadend", () => window.changesAnswered++);
            setTimeout(() => super.send(body), isFirst ? 1000 : 0);
            isFirst = false;
        }
    };
})()"""


def _type_an_answer(journey):
    """Real keys: letters that are shortcuts go into the answer; outside of it they work, and can be taken back."""
    browser = journey.browser
    states = "SELECT string_agg(state, ',' ORDER BY id) FROM inbox_conversation"
    browser.fill(".lokario_inbox_search input", "")
    browser.click(".lokario_row .lokario_subject", "Facture")
    browser.see(".lokario_reader_header h1", "Facture")
    before = journey.sql(states)
    browser.click(".lokario_reply")
    browser.wait("document.activeElement?.closest('.lokario_editor')")
    for letter in "Merci, je vous dis demain":
        browser.press(letter)
    browser.see(".lokario_editor", "Merci, je vous dis demain")
    browser.evaluate("document.activeElement.blur()")
    for key in "edjsxmuzio":  # the composer is open: still no shortcuts
        browser.press(key)
    assert browser.evaluate("document.querySelector('.lokario_reader_header h1').innerText.includes('Facture')")
    assert journey.sql(states) == before
    browser.click(".lokario_composer .lokario_close")
    browser.see(".lokario_reply")
    browser.evaluate("document.activeElement.blur()")
    browser.evaluate(SLOW_FIRST_CHANGE)
    browser.press("e")
    browser.click(".o_notification .btn", "Annuler")
    browser.wait("window.changesAnswered === 2")
    browser.see(".lokario_row .lokario_subject", "Facture")
    assert journey.sql(states) == before


def _new_mail_by_itself(journey):
    browser = journey.browser
    browser.fill(".lokario_inbox_search input", "frene")
    browser.wait(f"{ROWS}.length === 1")
    browser.click(".lokario_nav[data-view=inbox]")
    browser.wait("!document.querySelector('.lokario_inbox_search input').value")
    browser.see(".lokario_row .lokario_subject", "Facture")
    words = ("Karim Benali", "karim@example.org", "Visite de jeudi", "Toujours d'accord pour jeudi ?")
    journey.deliver(*words, hours=0, calendar=INVITATION)
    browser.evaluate("document.querySelector('.lokario_sync').click()")
    browser.see(".lokario_row.unread .lokario_subject", "Visite de jeudi", timeout=120)
    journey.picture("new-mail")
    browser.click(".lokario_row .lokario_subject", "Visite de jeudi")
    browser.see(".lokario_reader_header h1", "Visite de jeudi")
    browser.wait("document.querySelector('.lokario_invitation_words').clientWidth > 150")  # beside four buttons
    browser.click(".lokario_invitation button", "Accepter")
    browser.see(".lokario_invitation button.active", "Accepter")
    answered = journey.sql("SELECT email_to FROM inbox_outgoing WHERE invitation_answer = 'accepted'")
    assert answered == "karim@example.org"
    browser.evaluate("document.activeElement.blur()")  # a real click leaves the search box
    browser.press("d")
    browser.wait("!document.querySelector('.lokario_list').innerText.includes('Visite de jeudi')")
    browser.open(f"{journey.server.url}/odoo/inbox-statistics?view_type=pivot")
    browser.see(".o_pivot th", "Temps de réponse médian")
    for path, name in (("inbox-conversations?view_type=kanban", "kanban"), ("inbox-statistics", "statistics"),
                       ("inbox-health", "health")):  # fmt: skip
        browser.open(f"{journey.server.url}/odoo/{path}")
        browser.see(".o_kanban_renderer, .o_graph_canvas_container canvas, .o_list_renderer")
        journey.picture(name)


def _on_the_phone(journey):
    """390 px: nothing is cut off, every mailbox can be reached, and the keyboard opens a mail."""
    browser = journey.browser
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    browser.open(f"{journey.server.url}/odoo/inbox")
    browser.see(".lokario_row .lokario_subject", "Facture")
    assert browser.evaluate("document.querySelector('.lokario_list').getBoundingClientRect().right") <= 390
    assert browser.evaluate("document.querySelector('.lokario_write').offsetHeight") < 50, "one line"
    browser.see(".lokario_mailbox .lokario_state")
    journey.picture("phone-list")
    browser.evaluate(f"[...{ROWS}].find((row) => row.innerText.includes('Facture')).focus()")
    browser.press("Enter")
    browser.see(".lokario_reader_header h1", "Facture")
    journey.picture("phone-reader")
    browser.click(".lokario_back")
    browser.see(".lokario_row .lokario_subject", "Facture")


def _a_mailbox_that_cannot_be_read_is_not_all_done(journey):
    """Somebody has changed the password at the provider: the open page says so by itself."""
    browser = journey.browser
    browser.send("Emulation.clearDeviceMetricsOverride")
    (journey.mail.folder / "users").write_text(f"{ADDRESS}:{{PLAIN}}changed::::::\n")
    browser.open(f"{journey.server.url}/odoo/inbox")
    browser.click(".lokario_nav[data-view=spam]")
    browser.see(".lokario_empty", "Tout est traité ici")
    browser.evaluate("document.querySelector('.lokario_sync').click()")
    browser.see(".lokario_empty", "manquent peut-être : Contact", timeout=120)
