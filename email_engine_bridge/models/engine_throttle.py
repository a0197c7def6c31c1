import math

from odoo import api, fields, models
from odoo.tools import format_datetime

from ..tools import pacing


class EngineThrottle(models.Model):
    """A mailbox provider that an IP sends less to for some hours, because it put off our mail for its speed.

    Printed into the configuration, and heeded by the pacing. An addon that knows what providers answer calls `_learn`.
    """

    _name = "engine.throttle"
    _description = "Throttled provider"
    _inherit = ["engine.printed", "engine.reason.mixin", "lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _order = "until desc, id"
    _rec_name = "provider_id"
    _printed_fields = frozenset(("rate", "until"))

    ip_id = fields.Many2one("engine.ip", "IP address", required=True, readonly=True, index=True, ondelete="cascade")
    tenant_id = fields.Many2one(related="ip_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="ip_id.company_id", store=True)
    provider_id = fields.Many2one("engine.provider", required=True, readonly=True, ondelete="cascade")
    rate = fields.Integer("Mails an hour", required=True, readonly=True)
    share = fields.Float(readonly=True, required=True, help="The provider's part of the IP's mail, from 0 to 1")
    put_off = fields.Integer("Put off", readonly=True, help="People whose mail it put off in the hour before")
    taken = fields.Integer(readonly=True, help="Mails that it took in that hour")
    reason = fields.Char("Most frequent reason", readonly=True)
    learned_at = fields.Datetime("Since", required=True, readonly=True)
    until = fields.Datetime(required=True, readonly=True)

    _provider_uniq = models.UniqueIndex("(ip_id, provider_id)")

    @api.model
    def _learn(self, ip, provider, figures):
        """Throttle, further or for longer, a provider that put off too much in the last hour.

        :param figures: put_off (people), taken (mails), share (of the IP's mail), reason
        """
        throttle_sudo = self.sudo().search([("ip_id", "=", ip.id), ("provider_id", "=", provider.id)])
        now = fields.Datetime.now()
        if throttle_sudo and throttle_sudo.learned_at > now - pacing.HOUR:
            return  # what came in meanwhile left before the throttle was in force
        current = throttle_sudo.rate if throttle_sudo else None
        rate = pacing.throttled_rate(figures["taken"], figures["put_off"], current)
        if rate is None:
            return
        values = {**figures, "rate": rate, "learned_at": now, "until": now + pacing.THROTTLE}
        if throttle_sudo:
            throttle_sudo.write(values)
        else:
            throttle_sudo = self.sudo().create({**values, "ip_id": ip.id, "provider_id": provider.id})
        throttle_sudo._announce()

    def _announce(self):
        ip = self.ip_id._in_company_language()
        ip._announce(
            ip.env._(
                "%(ip)s: %(provider)s put off mail to %(put_off)s people in an hour and took %(taken)s (%(reason)s)."
                " It gets %(rate)s mails an hour until %(until)s.",
                ip=ip.address,
                provider=self.provider_id.name,
                put_off=self.put_off,
                taken=self.taken,
                reason=self.with_env(ip.env).reason_words or "-",
                rate=self.rate,
                until=format_datetime(ip.env, self.until, tz=ip.tenant_id.tz, dt_format="short"),
            )
        )

    def action_lift(self):
        """Send at the usual speed again."""
        self.check_access("unlink")
        self._lift()

    def _lift(self):
        for throttle in self:
            ip = throttle.ip_id._in_company_language()
            ip._explain(ip.env._("%s gets mail at the usual speed again.", throttle.provider_id.name))
        self.sudo().unlink()

    def _in_force(self):
        now = fields.Datetime.now()
        return self.filtered(lambda throttle: throttle.until > now)

    def _get_cap(self):
        """Return how many mails of the IP within an hour hold as many for the provider as it gets."""
        return min(math.ceil(one.rate / max(one.share, 0.01)) for one in self)

    @api.model
    def _lift_ended(self):
        self.sudo().search([("until", "<=", fields.Datetime.now())])._lift()
