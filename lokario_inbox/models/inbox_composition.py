import base64
import mimetypes
import re
from functools import partial

from markupsafe import Markup, escape
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import html2plaintext, html_sanitize, is_html_empty

from ..tools import mime_builder
from ..tools.mail_addresses import joined, pairs
from ..tools.subject_prefixes import retitled

_STORED_PICTURE = re.compile(r'src="(?:https?://[^"/]+)?/web/image/(\d+)[^"]*"')
_DATA_PICTURE = re.compile(r'src="data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)"')
_QUOTED_PICTURE = re.compile(r'src="cid:([^"]+)"', re.IGNORECASE)
MAX_HISTORY = 200_000  # characters of quoted history


class InboxComposition(models.AbstractModel):
    """From a draft (inbox.outgoing) to the mail that its recipients get: headers, text, history, pictures, files."""

    _name = "inbox.composition"
    _description = "Composition of E-mails"

    # === A FRESH DRAFT === #

    @api.model
    def _prepare_answer(self, parent, kind):
        """Return the values of a draft that answers or forwards a message (inbox.message)."""
        own = set(parent.integration_id.sudo()._sender_addresses())
        to, cc = self._answer_recipients(parent, kind, own)
        return {
            "integration_id": parent.integration_id.id,
            "conversation_id": parent.conversation_id.id,
            "parent_id": parent.id,
            "kind": kind,
            "email_to": to,
            "email_cc": cc,
            "subject": retitled(parent.subject or "", is_forward=kind == "forward"),
        }

    @api.model
    def _prepare_invitation_answer(self, message, answer):
        """Return the values of a draft that tells the organiser of an invitation whether its mailbox comes."""
        found = message._invitation()
        words = {
            "accepted": self.env._("Accepted: %s", found.summary),
            "tentative": self.env._("Maybe: %s", found.summary),
            "declined": self.env._("Declined: %s", found.summary),
        }
        return {
            **self._prepare_answer(message, "reply"),
            "email_to": found.answer_to,
            "email_cc": False,
            "subject": words[answer],
            "body_html": Markup("<p>%s</p>") % words[answer],
            "invitation_answer": answer,
            "with_history": False,
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

    def _build(self, draft, date):
        """Return the mail as it leaves and its envelope recipients; every attempt sends exactly these bytes."""
        draft._ensure_message_id()
        recipients = draft._addresses("email_to", "email_cc", "email_bcc")
        try:
            envelope = dict.fromkeys(self._ascii_address(address) for __, address in recipients)
            return mime_builder.build(self._compose(draft, date)), tuple(envelope)
        except mime_builder.BadAddress as err:
            raise UserError(self.env._("“%(address)s” is not an e-mail address.", address=err)) from err

    def _draft_bytes(self, draft):
        """Return the mail as it stands, for the Drafts folder; what is sent is fixed later."""
        draft._ensure_message_id()
        return mime_builder.build(self._compose(draft, fields.Datetime.now()))

    def _ascii_address(self, address):
        local, __, domain = address.strip().rpartition("@")
        try:
            return f"{local}@{domain.encode('idna').decode().lower()}"
        except UnicodeError as err:
            raise mime_builder.BadAddress(address) from err

    def _compose(self, draft, moment):
        """Return the OutgoingMail of this record, dated the moment at which it is to leave."""
        html, pictures = self._html_with_pictures(draft)
        parent = draft.parent_id if draft.kind != "new" else self.env["inbox.message"]
        answering = parent if draft.kind != "forward" else self.env["inbox.message"]
        parent_ids = tuple((answering.references or "").split())
        return mime_builder.OutgoingMail(
            message_id=draft.message_id_header,
            sender=(self._sender_name(draft), draft.integration_id._sender_addresses()[0]),
            to=tuple(draft._addresses("email_to")),
            cc=tuple(draft._addresses("email_cc")),
            subject=draft.subject or "",
            text=html2plaintext(html),
            html=str(html),
            date=moment,
            in_reply_to=answering.message_id_header or "",
            references=mime_builder.chain(
                parent_ids, answering.message_id_header or "", self._first_id(answering.in_reply_to)
            ),
            thread_index=mime_builder.thread_index(
                self._header_of(answering, "Thread-Index"), f"conversation {draft.conversation_id.id}", moment
            ),
            parts=(*pictures, *self._files(draft)),
            calendar=draft.parent_id._invitation_answer(draft.invitation_answer, moment),
            headers=draft._extra_headers(),
        )

    def _sender_name(self, draft):
        return draft.integration_id.name if "@" not in draft.integration_id.name else draft.company_id.name

    def _first_id(self, value):
        found = re.search(r"<[^<>\s]+>", value or "")
        return found.group() if found else ""

    def _header_of(self, message, name):
        """Return a header of a stored message, unfolded, "" when it has none."""
        match = re.search(rf"^{name}:\s*((?:.*(?:\n[ \t].*)*))", message.headers or "", re.IGNORECASE | re.MULTILINE)
        return "".join(match.group(1).split()) if match else ""

    # === WHAT THE RECIPIENT SEES === #

    def _full_html(self, draft):
        """What the person wrote, then the signature, then the quoted history."""
        body = draft.body_html or Markup()
        if draft.with_signature and not is_html_empty(draft.integration_id.signature):
            body += Markup('<div class="lokario_signature"><br/>-- <br/>%s</div>') % draft.integration_id.signature
        if draft.parent_id and (draft.with_history or draft.kind == "forward"):
            body += self._quoted_history(draft)
        return body

    def _quoted_history(self, draft):
        parent = draft.parent_id
        if parent.body_html:
            content = html_sanitize(parent.body_html)
        else:
            content = Markup("<pre>%s</pre>") % (parent.body_text or "")[:MAX_HISTORY]
        if draft.kind == "forward":
            head = Markup("<br/>").join(escape(line) for line in self._forward_head(draft))
            return Markup("<br/><div>%s</div><div>%s</div>") % (head, content)
        intro = self._translated(draft)._(
            "On %(date)s, %(author)s wrote:", date=self._parent_date(draft), author=parent.email_from or ""
        )
        return Markup('<br/><div class="gmail_quote"><div>%s</div><blockquote type="cite">%s</blockquote></div>') % (
            intro,
            content,
        )

    def _forward_head(self, draft):
        parent, translated = draft.parent_id, self._translated(draft)
        labelled = (
            (translated._("From:"), parent.email_from),
            (translated._("Date:"), self._parent_date(draft)),
            (translated._("Subject:"), parent.subject),
            (translated._("To:"), parent.email_to),
        )
        lines = [f"{label} {value}" for label, value in labelled if value]
        return [translated._("---------- Forwarded message ----------"), *lines]

    def _translated(self, draft):
        """The environment in the author's language."""
        return draft.with_context(lang=draft.author_id.lang).env

    def _parent_date(self, draft):
        authors_clock = draft.with_context(tz=draft.author_id.tz or "UTC")
        moment = fields.Datetime.context_timestamp(authors_clock, draft.parent_id.date or fields.Datetime.now())
        return f"{moment:%d/%m/%Y %H:%M}"

    # === PICTURES AND FILES === #

    def _html_with_pictures(self, draft):
        """Return the HTML with its pictures as cid: links, and the pictures as parts."""
        html, parts = str(self._full_html(draft)), {}

        def put(key, name, mimetype, content):
            content_id = f"{key}.{draft.message_id_header.strip('<>')}"
            parts[key] = mime_builder.Part(name, mimetype, content, content_id)
            return f'src="cid:{content_id}"'

        for pattern, picture in (
            (_QUOTED_PICTURE, self._quoted_picture),  # first: the others make links of this kind
            (_STORED_PICTURE, self._stored_picture),
            (_DATA_PICTURE, self._embedded_picture),
        ):
            html = pattern.sub(partial(picture, draft, put), html)
        return html, tuple(parts.values())

    def _quoted_picture(self, draft, put, match):
        """A picture inside the quoted mail; one that waits at the server is left out."""
        inside = draft.parent_id.sudo().attachment_ids
        original = inside.filtered(lambda item: (item.content_id or "").strip("<>") == match.group(1))[:1]
        content = original._stored_bytes()
        if not content or not (original.mimetype or "").startswith("image/"):
            return 'src=""'
        return put(f"quoted.{original.id}", original.name, original.mimetype, content)

    def _stored_picture(self, draft, put, match):
        picture = draft.attachment_ids.sudo().filtered(lambda item: item.id == int(match.group(1)))
        if not picture or not (picture.mimetype or "").startswith("image/"):
            return 'src=""'
        return put(f"picture.{picture.id}", picture.name, picture.mimetype, picture.raw)

    def _embedded_picture(self, draft, put, match):
        content = base64.b64decode(match.group(2))
        number = match.start()
        name = f"picture{number}{mimetypes.guess_extension(match.group(1)) or ''}"
        return put(f"data.{number}", name, match.group(1), content)

    def _files(self, draft):
        """Return the attachments that are not shown as pictures in the text."""
        shown = {int(number) for number in _STORED_PICTURE.findall(str(draft.body_html or ""))}
        return tuple(
            mime_builder.Part(item.name, item.mimetype or "application/octet-stream", item.raw or b"")
            for item in draft.attachment_ids.sudo()
            if item.id not in shown
        )
