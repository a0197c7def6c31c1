"""Mails stored as the synchronisation stores them, without a server: the part between parser and database."""

from datetime import timedelta

from odoo import fields

from ..tools.automatic_mail import read_headers
from ..tools.mime_message import Mail
from ..tools.sync_plan import Fetched, RawItem


def make_pair(
    number,
    *,
    mid=None,
    refs=(),
    subject="Devis escalier",
    sender="anna@client.com",
    author=None,
    date=None,
    headers="Subject: x",
    body="Bonjour",
    is_seen=False,
    **fields_of_mail,
):
    """A (RawItem, Mail) pair; ``fields_of_mail``: any other field of Mail. The identity is "mail <number>"."""
    moment = date or fields.Datetime.now() - timedelta(hours=1, minutes=-number % 50)
    marks = {"From": sender} | {
        name.replace("_", "-"): fields_of_mail[name]
        for name in ("auto_submitted", "return_path", "precedence", "list_id")
        if name in fields_of_mail
    }
    item = RawItem(uid=number, flags="\\Seen" if is_seen else "", internaldate=moment, size=1000)
    mail = Mail(
        message_id=f"<m{number}@client.com>" if mid is None else mid,
        references=" ".join(refs),
        subject=subject,
        email_from=f"Anna Client <{sender}>" if author is None else author,
        from_address=sender,
        body_text=body,
        preview="Bonjour",
        size=1000,
        headers=headers,
        **{"identity": f"mail {number}", "automatic_kind": read_headers(marks.items()).kind, **fields_of_mail},
    )
    return item, mail


def store_pairs(folder, pairs):
    """Store one batch in a folder; return the new messages, oldest first."""
    event = Fetched(folder.integration_id.id, folder.id, "1", tuple(item for item, _mail in pairs))
    messages = folder.env["inbox.store"].sudo()._store_batch(folder.sudo(), event, pairs)
    folder.env.flush_all()
    folder.env.invalidate_all()
    return messages
