from markupsafe import Markup
from odoo import api, fields, models

from ..exceptions import EngineError, EngineRejected

MAX_ATTEMPTS = 5


class EngineAlert(models.Model):
    """A message to the people behind a tenant, kept until Telegram and the mail queue have it."""

    _name = "engine.alert"
    _inherit = ["lokario.access.mixin"]
    _description = "Alert"
    _order = "id desc"
    _rec_name = "text"

    tenant_id = fields.Many2one("engine.tenant", required=True, index=True, ondelete="cascade", readonly=True)
    company_id = fields.Many2one(related="tenant_id.company_id", store=True)
    ip_id = fields.Many2one("engine.ip", "IP address", ondelete="cascade", readonly=True, index="btree_not_null")
    text = fields.Text(required=True, readonly=True)
    telegram_state = fields.Selection(
        [("pending", "Waiting"), ("sent", "Sent"), ("failed", "Failed"), ("none", "Not configured")],
        "Telegram",
        required=True,
        default="pending",
        readonly=True,
    )
    attempts = fields.Integer(readonly=True)
    error_message = fields.Char(readonly=True)

    _pending_idx = models.Index("(id) WHERE telegram_state = 'pending'")

    @api.model
    def _raise_alert(self, tenant, text, ip=None):
        """Note an alert; mail goes through Odoo's queue, Telegram through the next cron run."""
        tenant_sudo = tenant.sudo()
        has_bot = bool(tenant_sudo.telegram_token and tenant_sudo.telegram_chat)
        alert = self.sudo().create(
            {
                "tenant_id": tenant.id,
                "ip_id": ip.id if ip else False,
                "text": text,
                "telegram_state": "pending" if has_bot else "none",
            }
        )
        if tenant_sudo.alert_email:
            alert._queue_mail()
        if has_bot:
            self.env.ref("email_engine_bridge.ir_cron_send_alerts").sudo()._trigger()
        return alert

    def _queue_mail(self):
        self.ensure_one()
        self.env["mail.mail"].sudo().create(
            {
                "subject": self.env._("Mail engine: %s", self.tenant_id.name),
                "body_html": Markup("<p>%s</p>") % self.text,
                "email_to": self.tenant_id.alert_email,
                "auto_delete": False,
            }
        )

    @api.model
    def _cron_send_alerts(self, limit=100):
        domain = [("telegram_state", "=", "pending")]
        alerts = self.search(domain, limit=limit, order="id").try_lock_for_update()
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=self.search_count(domain))
        for alert in alerts:
            lang = alert.company_id.sudo().partner_id.lang
            alert.try_lock_for_update().filtered_domain(domain).with_context(lang=lang)._send_telegram()
            if not commit_progress(1):
                break

    def _send_telegram(self):
        """Send the alerts by the tenant's bot; the outcome is stored, never raised."""
        for alert in self:
            alert.attempts += 1
            try:
                alert.tenant_id._get_telegram_client__().send(alert.tenant_id.telegram_chat, alert.text)
            except EngineError as error:
                final = isinstance(error, EngineRejected) or alert.attempts >= MAX_ATTEMPTS
                why = self.env["engine.finding"]._say_error(error)
                alert.write({"error_message": why, "telegram_state": "failed" if final else "pending"})
            else:
                alert.write({"error_message": False, "telegram_state": "sent"})
