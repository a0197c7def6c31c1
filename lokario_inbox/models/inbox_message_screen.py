from markupsafe import Markup
from odoo import fields, models
from odoo.tools import plaintext2html

from ..tools.mail_addresses import pairs
from ..tools.mime_html import without_own_links
from ..tools.quoted_html import fold_html
from ..tools.quoted_text import fold_text


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    def _author_name(self):
        people = pairs(self.email_from)
        return (people[0][0] if people else self.email_from) or self.from_address or ""

    def _reader_values(self, *, with_body):
        values = {
            "id": self.id,
            "subject": self.subject or "",
            "author": self._author_name(),
            "from_address": self.from_address or "",
            "email_to": self.email_to or "",
            "email_cc": self.email_cc or "",
            "date": fields.Datetime.to_string(self.date) if self.date else False,
            "direction": self.direction,
            "is_seen": self.is_seen,
            "preview": self.preview or "",
            "forged": self.authentication == "fail",
            "attachments": [
                {"id": a.id, "name": a.name, "mimetype": a.mimetype or "", "size": a.size}
                for a in self.attachment_ids
                if not a.is_inline
            ],
            "inline": {a.content_id.strip("<>"): a.id for a in self.attachment_ids if a.content_id},
            "invitation": self._invitation_values(),
            "body": False,
        }
        if with_body:
            values["body"] = self._reader_body()
        return values

    def _reader_body(self):
        """Return the body in its parts; signature and quotation are folded, never dropped."""
        if self.body_html:
            return {"kind": "html", **vars(fold_html(without_own_links(str(self.body_html))))}
        return {"kind": "text", **vars(fold_text(self.body_text))}

    def inbox_bodies(self):
        """Return the bodies of folded mails, on demand: {id: body}."""
        self.check_access("read")
        return {message.id: message._reader_body() for message in self}

    def _chatter_values(self, record):
        """Return the values of a ``mail.message`` that copies this mail into a record's chatter."""
        html = self.body_html and Markup(without_own_links(str(self.body_html)))  # noqa: S704 - sanitised
        body = html or plaintext2html(self.body_text or "")
        return {
            "model": record._name,
            "res_id": record.id,
            "message_type": "email",
            "subtype_id": self.env.ref("mail.mt_note").id,
            "subject": self.subject or "",
            "body": body,
            "email_from": self.email_from or "",
            "author_id": self.partner_id.id,
            "date": self.date,
            "message_id": self.message_id_header or False,
        }
