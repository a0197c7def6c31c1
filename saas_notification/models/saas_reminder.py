import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.saas_manager.exceptions import TECHNICAL
from odoo.addons.saas_manager.tools import admin_credentials

from ..const import REMINDERS

_logger = logging.getLogger(__name__)


class SaasReminder(models.Model):
    """When clients are reminded of something, how often, and what ends it.

    Each kind has a method `_facts_<kind>(instance)`: from which day on it is due, and why it is not at all. An addon
    that adds a kind adds its method and a template.
    """

    _name = "saas.reminder"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Automatic Reminder"
    _order = "kind, days"
    _rec_name = "kind"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    active = fields.Boolean(default=True)
    kind = fields.Selection(
        [("expiring", "Instance expires soon"), *REMINDERS], required=True, default="credentials_unused"
    )
    days = fields.Integer(
        required=True,
        default=3,
        help="Before the instance expires or is suspended, or its certificate expires; "
        "after the credentials were sent, the address was lost or the invoice was due.",
    )
    every = fields.Integer("Again Every (Days)", required=True, default=7)
    times = fields.Integer("At Most", required=True, default=2)

    _sensible = models.Constraint(
        "CHECK (days >= 0 AND every >= 1 AND times BETWEEN 1 AND 10)",
        "Give days from 0, an interval of a day or more, and one to ten times.",
    )

    # === WHAT IS DUE === #

    def _verdict(self, instance):
        """Return (first day, number of the reminder that is due, None), or (…, 0, why none is)."""
        if instance.state != "active":
            return None, 0, self.env._("The instance is not active.")
        start, obstacle = getattr(self, f"_facts_{self.kind}")(instance)
        if obstacle:
            return start, 0, obstacle
        passed = (self._today() - start).days
        if passed < 0:
            return start, 0, self.env._("The first one is due on %s.", start)
        number, sent = min(passed // self.every + 1, self.times), self._sent(instance, start)
        if number <= sent:
            return start, 0, self.env._("%(sent)s of %(times)s were sent.", sent=sent, times=self.times)
        return start, number, None

    def _facts_credentials_unused(self, instance):
        """Due some days after the mail with the credentials, until the client logs in."""
        mails_sudo = self.env["saas.instance.mail"].sudo()
        sent = [("instance_id", "=", instance.id), ("kind", "=", "provisioned"), ("state", "=", "sent")]
        mail = mails_sudo.search(sent, order="id desc", limit=1)
        if not mail:
            return None, self.env._("No credentials were sent.")
        try:
            login = self._last_login(instance)
        except TECHNICAL as err:
            _logger.info("instance %s: its logins cannot be read: %s", instance.id, err)
            return None, self.env._("The instance's database does not answer.")
        if login and login >= mail.sent_at:
            return None, self.env._("The client has logged in.")
        return self.company_id._lokario_day(mail.sent_at) + timedelta(days=self.days), None

    def _facts_expiring(self, instance):
        """Due some days before the expiration, until then."""
        expires = instance.expiration_date
        if not expires:
            return None, self.env._("It does not expire.")
        if expires < self._today():
            return None, self.env._("It has expired.")
        return expires - timedelta(days=self.days), None

    def _facts_suspending(self, instance):
        """Due some days before an expired instance is suspended, until then."""
        start, obstacle = self._facts_expiring(instance)
        return start and start + timedelta(days=1), obstacle

    def _facts_certificate(self, instance):
        """Due some days before the certificate of the address expires, until there is a newer one."""
        until = instance.certificate_until
        if not until:
            return None, self.env._("No certificate is known.")
        return until - timedelta(days=self.days), None

    def _facts_unreachable(self, instance):
        """Due some days after the address led nowhere, until it leads there again."""
        since = instance.unreachable_since
        if not since:
            return None, self.env._("Its address is reachable.")
        return self.company_id._lokario_day(since) + timedelta(days=self.days), None

    def _facts_unpaid(self, instance):
        """Due some days after an invoice was due, until it is paid."""
        since = self._unpaid_since(instance)
        if not since:
            return None, self.env._("No unpaid invoice is known.")
        return since + timedelta(days=self.days), None

    def _unpaid_since(self, instance):
        """Hook: return since when the client owes something for his instance, None when he does not."""
        return

    def _today(self):
        """The day where the company of the rule is, which is that of its instances."""
        return self.company_id._lokario_today()

    def _last_login(self, instance):
        with instance._database().session() as connection:
            return admin_credentials.last_login(connection)

    def _sent(self, instance, start):
        """How many of this series were written down already."""
        series = [("instance_id", "=", instance.id), ("detail", "=like", f"{self.id}/{start}/%")]
        details = self.env["saas.instance.mail"].sudo().search(series).mapped("detail")
        return max((int(detail.rpartition("/")[2]) for detail in details), default=0)

    @api.model
    def _next_of(self, instance):
        """Return (kind, day) of the reminder about ``instance`` that comes first, None when none is planned."""
        rules = self.sudo().search([("company_id", "=", instance.company_id.id)])
        today = instance.company_id._lokario_today()
        planned = [(rule, *rule._verdict(instance)) for rule in rules]
        days = [
            (today if number else start, rule.kind)
            for rule, start, number, _why in planned
            if number or (start and start > today)
        ]
        day, kind = min(days, default=(None, None))
        return (kind, day) if day else None

    # === SEND AND PREVIEW === #

    def _cron_remind(self):
        """Once a day: queue what is due."""
        pairs = [(rule, instance) for rule in self.search([]) for instance in rule._instances()]
        self.env["ir.cron"]._commit_progress(remaining=len(pairs))
        for rule, instance in pairs:
            try:
                rule._remind(instance)
            except UserError as err:  # one instance holds up no other
                _logger.info("instance %s: no reminder: %s", instance.id, err)
            if not self.env["ir.cron"]._commit_progress(1):
                break

    def _instances(self):
        return self.env["saas.instance"].search([("company_id", "=", self.company_id.id), ("state", "=", "active")])

    def _remind(self, instance):
        start, number, _why = self._verdict(instance)
        if number:
            with instance._own_transaction() as own:
                own.env["saas.instance.mail"]._queue(own, self.kind, f"{self.id}/{start}/{number}")

    def action_preview(self):
        """List what would leave today, and why the rest would not."""
        self.check_access("read")
        previews = self.env["saas.reminder.preview"]
        for rule in self:
            for instance in rule._instances():
                _start, number, why = rule._verdict(instance)
                verdict = why or self.env._("Number %(number)s of %(times)s", number=number, times=rule.times)
                previews |= previews.sudo().create(
                    {"reminder_id": rule.id, "instance_id": instance.id, "leaves": bool(number), "verdict": verdict}
                )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What would leave today"),
            "res_model": previews._name,
            "view_mode": "list",
            "domain": [("id", "in", previews.ids)],
        }
