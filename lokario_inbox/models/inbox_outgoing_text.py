import base64
import mimetypes
import re
from functools import partial

from markupsafe import Markup, escape
from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import html_sanitize, is_html_empty

from ..tools import mime_builder

_STORED_PICTURE = re.compile(r'src="(?:https?://[^"/]+)?/web/image/(\d+)[^"]*"')
_DATA_PICTURE = re.compile(r'src="data:(image/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)"')
_QUOTED_PICTURE = re.compile(r'src="cid:([^"]+)"', re.IGNORECASE)
MAX_HISTORY = 200_000  # characters of quoted history


class InboxOutgoing(models.Model):
    """What the recipient sees: the text, the signature, the quoted history, pictures and files."""

    _inherit = "inbox.outgoing"

    def _full_html(self):
        """What the person wrote, then the signature, then the quoted history."""
        body = self.body_html or Markup()
        if self.with_signature and not is_html_empty(self.integration_id.signature):
            body += Markup('<div class="lokario_signature"><br/>-- <br/>%s</div>') % self.integration_id.signature
        if self.parent_id and (self.with_history or self.kind == "forward"):
            body += self._quoted_history()
        return body

    def _quoted_history(self):
        parent = self.parent_id
        if parent.body_html:
            content = html_sanitize(parent.body_html)
        else:
            content = Markup("<pre>%s</pre>") % (parent.body_text or "")[:MAX_HISTORY]
        if self.kind == "forward":
            head = Markup("<br/>").join(escape(line) for line in self._forward_head())
            return Markup("<br/><div>%s</div><div>%s</div>") % (head, content)
        intro = self._translated()._(
            "On %(date)s, %(author)s wrote:", date=self._parent_date(), author=parent.email_from or ""
        )
        return Markup('<br/><div class="gmail_quote"><div>%s</div><blockquote type="cite">%s</blockquote></div>') % (
            intro,
            content,
        )

    def _forward_head(self):
        parent, translated = self.parent_id, self._translated()
        labelled = (
            (translated._("From:"), parent.email_from),
            (translated._("Date:"), self._parent_date()),
            (translated._("Subject:"), parent.subject),
            (translated._("To:"), parent.email_to),
        )
        lines = [f"{label} {value}" for label, value in labelled if value]
        return [translated._("---------- Forwarded message ----------"), *lines]

    def _translated(self):
        """The environment in the author's language."""
        return self.with_context(lang=self.author_id.lang).env

    def _parent_date(self):
        authors_clock = self.with_context(tz=self.author_id.tz or "UTC")
        moment = fields.Datetime.context_timestamp(authors_clock, self.parent_id.date or fields.Datetime.now())
        return f"{moment:%d/%m/%Y %H:%M}"

    # === PICTURES AND FILES === #

    def _html_with_pictures(self):
        """Return the HTML with its pictures as cid: links, and the pictures as parts."""
        html, parts = str(self._full_html()), {}

        def put(key, name, mimetype, content):
            content_id = f"{key}.{self.message_id_header.strip('<>')}"
            parts[key] = mime_builder.Part(name, mimetype, content, content_id)
            return f'src="cid:{content_id}"'

        for pattern, picture in (
            (_QUOTED_PICTURE, self._quoted_picture),  # first: the others make links of this kind
            (_STORED_PICTURE, self._stored_picture),
            (_DATA_PICTURE, self._embedded_picture),
        ):
            html = pattern.sub(partial(picture, put), html)
        return html, tuple(parts.values())

    def _quoted_picture(self, put, match):
        """A picture inside the quoted mail; one that waits at the server is left out."""
        inside = self.parent_id.sudo().attachment_ids
        original = inside.filtered(lambda item: (item.content_id or "").strip("<>") == match.group(1))[:1]
        content = _stored_content(original)
        if not content or not (original.mimetype or "").startswith("image/"):
            return 'src=""'
        return put(f"quoted.{original.id}", original.name, original.mimetype, content)

    def _stored_picture(self, put, match):
        picture = self.attachment_ids.sudo().filtered(lambda item: item.id == int(match.group(1)))
        if not picture or not (picture.mimetype or "").startswith("image/"):
            return 'src=""'
        return put(f"picture.{picture.id}", picture.name, picture.mimetype, picture.raw)

    def _embedded_picture(self, put, match):
        content = base64.b64decode(match.group(2))
        number = match.start()
        name = f"picture{number}{mimetypes.guess_extension(match.group(1)) or ''}"
        return put(f"data.{number}", name, match.group(1), content)

    def _files(self):
        """Return the attachments that are not shown as pictures in the text."""
        shown = {int(number) for number in _STORED_PICTURE.findall(str(self.body_html or ""))}
        return tuple(
            mime_builder.Part(item.name, item.mimetype or "application/octet-stream", item.raw or b"")
            for item in self.attachment_ids.sudo()
            if item.id not in shown
        )

    def _attach_originals(self):
        """A forwarded mail takes its files along; its author is told which ones the mailbox no longer has."""
        missing = []
        for original in self.parent_id.attachment_ids.filtered(lambda item: not item.is_inline):
            try:
                self._attach(original)
            except UserError as err:
                missing.append(f"{original.name}: {err}")
        if missing:
            self.env.user._bus_send(
                "simple_notification",
                {
                    "type": "warning",
                    "title": self.env._("Files that are not forwarded"),
                    "message": "\n".join(missing),
                    "sticky": True,
                },
            )

    def _attach(self, original):
        original_sudo = original.sudo()  # the file is the mailbox's; who reads the mail may read it
        if not original_sudo.content and not original_sudo.attachment_id:
            original_sudo._fetch_content__()
        self.attachment_ids += self.env["ir.attachment"].create(
            {
                "name": original.name,
                "raw": _stored_content(original_sudo),
                "mimetype": original.mimetype,
                "res_model": self._name,
                "res_id": self.id,
            }
        )


def _stored_content(original):
    """Return the bytes of an inbox.attachment that are here, b"" when they wait at the server."""
    if original.content:
        return base64.b64decode(original.with_context(bin_size=False).content)
    return original.attachment_id.raw or b""
