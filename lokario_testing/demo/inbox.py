"""The company connects its mailbox; its mail arrives."""

import email
import email.policy
import json
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import urlencode

from lokario_cli.console import Failure

from .stage import demo_keys

MAILBOX = "contact@atelier-lumiere.test"
PASSWORD = "demo-mailbox"  # noqa: S105  of a mailbox that lives as long as the demo
MAILS = [
    ("Léa Fontaine <lea@fontaine.test>", "Livraison de jeudi", "Bonjour,\nla livraison peut-elle venir à 9 h ?"),
    ("Paul Berger <paul@berger.test>", "Facture de mars", "Bonjour,\nje n’ai pas reçu la facture de mars."),
    ("Hôtel du Port <direction@hotel-du-port.test>", "Douze lampes", "Un devis pour douze lampes, s’il vous plaît."),
    ("Infolettre <news@salon-deco.test>", "Le salon ouvre ses portes", "Inscrivez-vous."),
]


def connect_mailbox(stage) -> None:
    """Mail waiting at the provider is in the inbox after one call of the documented endpoint."""
    stage.mail.add_user(MAILBOX, PASSWORD)
    stage.provider.users[MAILBOX] = PASSWORD
    for position, (sender, subject, text) in enumerate(MAILS):
        stage.mail.add_user(parseaddr(sender)[1], "demo-customer")  # who is answered gets it
        stage.mail.deliver(MAILBOX, _mail(sender, subject, text, position))
    integration = _integration(stage)
    secret = urlencode({"secret": demo_keys()["CRON_SECRET"]})
    status, body = stage.client.open(f"/inbox/integrations/sync-all?{secret}")
    answer = json.loads(body)
    if status != 200 or not answer["success"]:
        raise Failure(f"The synchronisation answered {status}: {answer['message']}")
    row = stage.client.read("inbox.integration", integration, "message_count", "last_sync_error")
    if row["message_count"] < len(MAILS):
        raise Failure(f"{row['message_count']} of {len(MAILS)} mails arrived: {row['last_sync_error']}")
    stage.tell(f"{MAILBOX}: {row['message_count']} mails. “{answer['message']}”", f"{stage.home}/odoo/inbox")


def _integration(stage) -> int:
    """The mailbox of the company, pointed to where this run's provider listens."""
    client = stage.client
    ports = (stage.mail.imap_port, stage.provider.port)
    allow(client, [f"127.0.0.1:{port}" for port in ports])
    values = {
        "name": "Boîte principale",
        "email_address": MAILBOX,
        "email_password": PASSWORD,
        "imap_host": "127.0.0.1",
        "imap_port": ports[0],
        "imap_security": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": ports[1],
        "smtp_security": "none",
    }
    known = client.find("inbox.integration", [["email_address", "=", MAILBOX]])
    if not known:
        return client.create("inbox.integration", values)
    client.call("inbox.integration", "write", [known], values)
    client.call("inbox.integration", "action_sync", [known])
    return known


def allow(client, hosts: list[str]) -> None:
    """Beside the hosts that people have allowed; what an earlier demo listened on is forgotten."""
    key = "lokario_mailbox.allowed_hosts"
    known = (client.call("ir.config_parameter", "get_param", key) or "").replace(",", " ").split()
    kept = [host for host in known if not host.startswith("127.0.0.1:")]
    client.call("ir.config_parameter", "set_param", key, " ".join([*kept, *hosts]))


def _mail(sender: str, subject: str, text: str, position: int) -> bytes:
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, MAILBOX, subject
    mail["Date"] = format_datetime(datetime.now(UTC) - timedelta(hours=position + 1))
    mail["Message-ID"] = make_msgid(domain="demo.test")
    mail.set_content(text)
    return mail.as_bytes()
