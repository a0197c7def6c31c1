import html
import re

from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import hash_sign, verify_hash_signed

from odoo.addons.lokario_base.tools.transaction import own_transaction
from odoo.addons.saas_manager.tools.admin_credentials import BLANK

from ..const import REMINDERS, TEMPLATES
from ..tools.reader import is_program

SCOPE = "saas_notification.receipt"
VALIDITY = 24 * 400  # hours
FOOTER = Markup('<p style="margin-top: 24px; font-size: 12px; color: #666;">%s<a href="%s">%s</a></p>')
PIXEL = Markup('<img src="%s/saas/opened/%s.gif" width="1" height="1" alt=""/>')
PREFERENCES = re.compile(r"/saas/preferences/[\w-]+")
OPENED = re.compile(r"<img[^>]*/saas/opened/[^>]*>")
FOLLOWED = re.compile(r'(<a\b[^>]*\bhref=")[^"]*/saas/follow/([\w-]+)(?=")')
# Not what stands for a one-time link: it is put in later, and leads nowhere else.
LINK = re.compile(r'(<a\b[^>]*\bhref=")(https?://(?![^"/]*\.invalid)[^"]+)(?=")')


class SaasInstanceMail(models.Model):
    _inherit = "saas.instance.mail"

    kind = fields.Selection(selection_add=REMINDERS, ondelete={kind: "cascade" for kind, _label in REMINDERS})
    has_receipt = fields.Boolean("Read Receipt", readonly=True, help="Its reader has agreed to it.")
    opened_at = fields.Datetime("First Opened", readonly=True)
    clicked_at = fields.Datetime("First Link Followed", readonly=True)
    program_at = fields.Datetime("First Seen by a Program", readonly=True, help="A scanner, or a proxy for privacy.")
    reading = fields.Selection(
        [
            ("unopened", "Not opened"),
            ("program", "Seen by a program alone"),
            ("opened", "Opened"),
            ("clicked", "Link followed"),
        ],
        compute="_compute_reading",
        store=True,
        help="Empty: its reader has not agreed to read receipts.",
    )

    @api.depends("has_receipt", "opened_at", "clicked_at", "program_at")
    def _compute_reading(self):
        for mail in self:
            seen = {"clicked": mail.clicked_at, "opened": mail.opened_at, "program": mail.program_at, "unopened": True}
            mail.reading = mail.has_receipt and next(name for name, is_so in seen.items() if is_so)

    @api.model
    def _template_of(self, kind):
        return TEMPLATES.get(kind) or super()._template_of(kind)

    @api.model
    def _recipients(self, instance, kind):
        people = self.env["saas.contact"]._concerned(instance, kind)
        return [*((person, "email") for person in people), *super()._recipients(instance, kind)]

    def _refusal(self):
        wanted = self.env["saas.preference"]._of(self.company_id, self._reader()).get(self.kind)
        return self.env._("the recipient does not want it") if wanted == "none" else super()._refusal()

    def _render(self):
        """Each mail leads to the page where its reader chooses what comes, and says when it has a read receipt."""
        mail_sudo = super()._render()
        link = self.env["saas.preference"]._link(self.company_id, self._reader())
        reader = self.with_context(lang=self._language())
        body, notice = str(mail_sudo.body_html or ""), ""
        if self.env["saas.read.consent"]._of(self.company_id, self._reader()):
            body = self._with_receipt(body)
            notice = reader.env._("You agreed that we see whether you open this message and follow its links. ")
        words = reader.env._("Choose which messages you get")
        mail_sudo.body_html = f"{body}{FOOTER % (notice, link, words)}"
        return mail_sudo

    def _keep_text(self, mail_sudo):
        """The history keeps no link that opens the reader's page or counts as the reader."""
        super()._keep_text(mail_sudo)
        self.has_receipt = bool(OPENED.search(mail_sudo.body_html or ""))
        body = PREFERENCES.sub(f"/saas/preferences/{BLANK}", OPENED.sub("", self.body or ""))
        self.body = FOLLOWED.sub(lambda link: link[1] + html.escape(self._of_receipt(link[2])[1]), body)

    # === READ RECEIPTS === #

    def _with_receipt(self, body):
        """Return ``body`` with links that lead over our own page, and with a picture that shows nothing."""
        base = self.get_base_url()
        body = LINK.sub(lambda link: f"{link[1]}{base}/saas/follow/{self._receipt(html.unescape(link[2]))}", body)
        return f"{body}{PIXEL % (base, self._receipt())}"

    def _receipt(self, url=""):
        return hash_sign(self.sudo().env, SCOPE, [self.id, url], expiration_hours=VALIDITY)

    @api.model
    def _of_receipt(self, token):
        """Return the message (as superuser) and the address that a token was made for; empty when it is none."""
        try:
            message_id, url = verify_hash_signed(self.sudo().env, SCOPE, token) or (False, "")
        except ValueError:
            message_id, url = False, ""
        return self.sudo().browse(message_id).exists(), url

    def _note_reading(self, field, user_agent, method):
        """Write down that the message was opened or its link followed, the first time, while its reader agrees."""
        if not self.env["saas.read.consent"]._of(self.company_id, self._reader()):
            return
        now = fields.Datetime.now()
        seconds = (now - (self.sent_at or now)).total_seconds()
        names = ["program_at"] if is_program(user_agent, method, seconds) else {field, "opened_at"}
        with own_transaction(self) as own:
            own.write({name: now for name in names if not own[name]})
