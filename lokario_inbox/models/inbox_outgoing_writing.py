import base64
import re

from odoo import api, fields, models
from odoo.tools import html2plaintext

from ..tools import mime_builder
from ..tools.loop_guard import answer_headers
from ..tools.mail_addresses import joined, pairs

_REPLY_PREFIX = re.compile(r"^\s*((re|aw|sv|antw|odp|rif|res)\s?(\[\d+\])?\s?:\s*)+", re.IGNORECASE)
_FORWARD_PREFIX = re.compile(r"^\s*((fwd?|tr|wg|rv|i)\s?:\s*)+", re.IGNORECASE)


class InboxOutgoing(models.Model):
    """From what a person wrote to the bytes that leave."""

    _inherit = "inbox.outgoing"

    # === A FRESH DRAFT === #

    @api.model
    def _prepare_answer(self, parent, kind):
        """Return the values of a draft that answers or forwards a message (inbox.message)."""
        own = set(parent.integration_id.sudo()._sender_addresses())
        to, cc = self._answer_recipients(parent, kind, own)
        prefix, pattern = ("Fwd: ", _FORWARD_PREFIX) if kind == "forward" else ("Re: ", _REPLY_PREFIX)
        subject = parent.subject or ""
        return {
            "integration_id": parent.integration_id.id,
            "conversation_id": parent.conversation_id.id,
            "parent_id": parent.id,
            "kind": kind,
            "email_to": to,
            "email_cc": cc,
            "subject": subject if pattern.match(subject) else prefix + subject,
        }

    def _answer_recipients(self, parent, kind, own):
        """Return (To, Cc) as text; our own addresses never answer themselves."""
        if kind == "forward":
            return "", ""
        if parent.direction == "out":  # writing again to the people of our own mail
            author = pairs(parent.email_to)
        else:
            author = pairs(parent.reply_to) or pairs(parent.email_from)
        to = [pair for pair in author if pair[1]]
        cc = []
        if kind == "reply_all":
            known = own | {address.lower() for __, address in to}
            others = pairs(parent.email_to, parent.email_cc)
            for name, address in others:
                if address and address.lower() not in known:
                    known.add(address.lower())
                    cc.append((name, address))
        return joined(to), joined(cc)

    # === THE BYTES === #

    def _fix_bytes(self):
        """Give the mail its Message-ID and its bytes, once: every later attempt sends exactly these."""
        self._ensure_message_id()
        mail = self._compose()
        recipients = self._addresses("email_to", "email_cc", "email_bcc")
        self.write(
            {
                "raw": base64.b64encode(mime_builder.build(mail)),
                "raw_recipients": "\n".join(dict.fromkeys(self._ascii_address(address) for __, address in recipients)),
            }
        )

    def _ensure_message_id(self):
        self.ensure_one()
        self._ensure_conversation()
        if not self.message_id_header:
            domain = self.integration_id._sender_addresses()[0].rpartition("@")[2]
            self.message_id_header = self.conversation_id._mint_message_id(domain)

    def _draft_bytes(self):
        """Return the mail as it stands, for the Drafts folder; what is sent is fixed later."""
        self._ensure_message_id()
        return mime_builder.build(self._compose())

    def _ascii_address(self, address):
        local, __, domain = address.strip().rpartition("@")
        try:
            return f"{local}@{domain.encode('idna').decode().lower()}"
        except UnicodeError as err:
            raise mime_builder.BadAddress(address) from err

    def _ensure_conversation(self):
        if not self.conversation_id:
            self.conversation_id = self.env["inbox.conversation"].create(
                {
                    "integration_id": self.integration_id.id,
                    "subject": self.subject,
                    "state": "in_progress",
                    "user_id": self.author_id.id,
                }
            )

    def _compose(self):
        """Return the OutgoingMail of this record."""
        html, pictures = self._html_with_pictures()
        parent = self.parent_id if self.kind != "new" else self.env["inbox.message"]
        moment = fields.Datetime.now()
        answering = parent if self.kind != "forward" else self.env["inbox.message"]
        parent_ids = tuple((answering.references or "").split())
        return mime_builder.OutgoingMail(
            message_id=self.message_id_header,
            sender=(self._sender_name(), self.integration_id._sender_addresses()[0]),
            to=tuple(self._addresses("email_to")),
            cc=tuple(self._addresses("email_cc")),
            subject=self.subject or "",
            text=html2plaintext(html),
            html=str(html),
            date=moment,
            in_reply_to=answering.message_id_header or "",
            references=mime_builder.chain(
                parent_ids, answering.message_id_header or "", self._first_id(answering.in_reply_to)
            ),
            thread_index=mime_builder.thread_index(
                self._header_of(answering, "Thread-Index"), f"conversation {self.conversation_id.id}", moment
            ),
            parts=(*pictures, *self._files()),
            headers=answer_headers() if self.is_automatic else {},
        )

    def _sender_name(self):
        return self.integration_id.name if "@" not in self.integration_id.name else self.company_id.name

    def _first_id(self, value):
        found = re.search(r"<[^<>\s]+>", value or "")
        return found.group() if found else ""

    def _header_of(self, message, name):
        """Return a header of a stored message, unfolded, "" when it has none."""
        match = re.search(rf"^{name}:\s*((?:.*(?:\n[ \t].*)*))", message.headers or "", re.IGNORECASE | re.MULTILINE)
        return "".join(match.group(1).split()) if match else ""
