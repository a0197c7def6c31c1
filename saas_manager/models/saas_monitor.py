import logging

from odoo import fields, models

from ..exceptions import TECHNICAL
from ..tools import admin_credentials, reachability

_logger = logging.getLogger(__name__)
MEGABYTE = 1024 * 1024


class SaasMonitor(models.AbstractModel):
    """Looks at running instances: what is in them, and whether their address leads there."""

    _name = "saas.monitor"
    _description = "Monitor of SaaS Instances"

    def _run(self):
        """All of them, the ones that were looked at longest ago first."""
        instances = self.env["saas.instance"].search([("state", "=", "active")], order="measured_at NULLS FIRST, id")
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(instances))
        for instance in instances:
            self._measure(instance)
            if not cron._commit_progress(1):
                break

    def _measure(self, instance):
        """Write down what is found; what does not answer keeps its last figures."""
        found, now = self._reach__(instance.url), fields.Datetime.now()
        values = {"measured_at": now, "unreachable_reason": found.problem or False}
        values["unreachable_since"] = found.problem and (instance.unreachable_since or now)
        if not found.problem:
            values["certificate_until"] = found.certificate_until
        try:
            values |= self._figures(instance)
        except TECHNICAL as err:
            _logger.info("instance %s: its figures cannot be read: %s", instance.id, err)
        with instance._own_transaction() as own:
            own._set_guarded(**values)

    def _reach__(self, url):
        return reachability.look(url)

    def _figures(self, instance):
        database = instance._database()
        with database.session() as connection:
            users = admin_credentials.count_of_users(connection)
            login = admin_credentials.last_login(connection)
        return {"database_size": database.size() / MEGABYTE, "user_count": users, "last_login_at": login}
