from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import plaintext2html

from odoo.addons.lokario_base.tools.caller import without_callers_defaults
from odoo.addons.lokario_base.tools.send_window import SendWindow, clock

from ..const import BY_SMS, SMS_TEMPLATES, TEMPORARY
from ..tools.service_error import may_have_left
from ..tools.sms_text import segments

EVERY_DAY = frozenset(range(7))


class SaasInstanceMail(models.Model):
    _inherit = "saas.instance.mail"

    channel = fields.Selection(selection_add=[("sms", "SMS")], ondelete={"sms": "cascade"})
    sms_template_id = fields.Many2one("sms.template", ondelete="set null")
    sms_uuid = fields.Char(index="btree_not_null", help="By which reports of its delivery name it.")
    segments = fields.Integer("SMS Segments", help="Each is paid for: 160 characters, or 70 with letters beyond GSM.")

    # === WHO, AND WITH WHICH TEXT === #

    @api.model
    def _recipients(self, instance, kind):
        preferences, chosen = self.env["saas.preference"], []
        for contact, channel in super()._recipients(instance, kind):
            wanted = preferences._of(instance.company_id, contact or instance.partner_id).get(kind)
            is_by_sms = kind in SMS_TEMPLATES and wanted in BY_SMS
            chosen += [(contact, "sms")] if is_by_sms else []
            chosen += [] if is_by_sms and wanted == "sms" else [(contact, channel)]
        return chosen

    def _values_of(self, instance, kind, detail, contact, channel):
        values = super()._values_of(instance, kind, detail, contact, channel)
        if channel == "sms":
            template = self.env.ref(SMS_TEMPLATES[kind], raise_if_not_found=False)
            number = self.env["saas.preference"]._number_of(contact or instance.partner_id)
            values |= {"email_to": number, "template_id": False, "sms_template_id": template and template.id}
        return values

    def _template(self):
        return self.sms_template_id if self.channel == "sms" else super()._template()

    def _no_address(self):
        if self.channel == "sms":
            return self.env._("The recipient has no phone number that an SMS could go to.")
        return super()._no_address()

    def _not_before(self):
        """At night, on the reader's clock, an SMS waits."""
        return self._next_open() if self.channel == "sms" else super()._not_before()

    def _next_open(self):
        parameters = self.env["ir.config_parameter"].sudo()
        opens, closes = (
            clock(float(parameters.get_param(f"saas_notification_sms.{name}", default)))
            for name, default in (("opens", 8), ("closes", 20))
        )
        window = SendWindow(self._timezone(), opens, closes, EVERY_DAY, country="")
        now = fields.Datetime.now()
        opening = window.next_open(now)
        return opening if opening > now else None

    # === SEND === #

    def _send_by_sms(self):
        """Return whether it was this worker that tried; claimed before the provider is asked, who is paid for it."""
        try:
            with self.env.cr.savepoint():
                text = self._sms_text()
        except (UserError, ValueError) as err:
            self._set_failed(str(err).strip().splitlines()[0])
            return True
        if not self._claim():
            return False
        self.write({"body": plaintext2html(text), "segments": segments(text)})
        self._hand_over(text)
        return True

    def _sms_text(self):
        """The text for its reader. Nothing that opens an instance is known while it is made: see `saas_credentials`."""
        lang = self._language()
        texts = self.sms_template_id.sudo()._render_field("body", self.instance_id.ids, set_lang=lang)
        return texts[self.instance_id.id].strip()

    def _hand_over(self, text):
        """To Odoo's own SMS; the provider's answer, or that there was none, is written down."""
        texts, trackers = (without_callers_defaults(self.env[name].sudo()) for name in ("sms.sms", "sms.tracker"))
        values = {"number": self.email_to, "body": text, "partner_id": self._reader().id}
        sms_sudo = texts.with_company(self.company_id).create(values)
        trackers.create({"sms_uuid": sms_sudo.uuid})
        self.sms_uuid = sms_sudo.uuid
        try:
            sms_sudo.send(raise_exception=True)
        except AccessError as err:  # what Odoo makes of a provider that does not answer
            sms_sudo.unlink()
            self._set_unknown(str(err)) if may_have_left(err) else self._set_failed(str(err))
            return
        if sms_sudo.state == "error":
            labels = dict(sms_sudo._fields["failure_type"]._description_selection(self.env))
            self._set_refused_by_provider(sms_sudo.failure_type, labels.get(sms_sudo.failure_type, ""))
            sms_sudo.unlink()
        else:
            self._set_sent()

    def _set_refused_by_provider(self, failure, label):
        """What may be taken tomorrow is tried again; a number that is none is not."""
        if failure in TEMPORARY:
            self._set_failed(label)
        else:
            self._set_skipped(label)

    def _set_undelivered(self, problem):
        """The operator says later that nobody got it."""
        for message in self.filtered(lambda one: one.state == "sent"):
            message._set_skipped(self.env._("The SMS was not delivered: %s", problem))
