import logging
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..const import EXPIRY_NOTICE

_logger = logging.getLogger(__name__)
A_DAY = timedelta(days=1)


class SaasExpiry(models.AbstractModel):
    """What an instance's expiration date brings: a warning a week before, suspension the day after."""

    _name = "saas.expiry"
    _description = "Expiry of SaaS Instances"

    def _run(self):
        cron = self.env["ir.cron"]
        horizon = fields.Date.today() + EXPIRY_NOTICE + A_DAY  # which day it is depends on where one is
        due = [("state", "=", "active"), ("expiration_date", "<=", horizon)]
        dated = self.env["saas.instance"].search(due)
        cron._commit_progress(remaining=len(dated))
        for instance in dated:
            self._act(instance, instance.company_id._lokario_today())
            if not cron._commit_progress(1):
                break

    def _act(self, instance, today):
        expires = instance.expiration_date
        if expires < today:
            if not self._is_let_in_again(instance):
                self._suspend(instance)
        elif expires <= today + EXPIRY_NOTICE and instance.expiry_notified_on != expires:
            self._warn(instance)

    def _is_let_in_again(self, instance):
        """Whether a person opened it after its date: that holds until there is another date."""
        opened = instance.reactivation_date
        return bool(opened) and instance.company_id._lokario_day(opened) > instance.expiration_date

    def _suspend(self, instance):
        """The client reads the reason, too."""
        reader = self.with_context(lang=instance.partner_id.lang or instance.company_id.partner_id.lang)
        reason = reader.env._("It expired on %s.", format_date(reader.env, instance.expiration_date))
        try:
            instance._request("suspend", reason)
        except UserError as err:  # the next one is not kept waiting; the job tries again
            _logger.info("instance %s: not suspended at its expiry: %s", instance.id, err)

    def _warn(self, instance):
        with instance._own_transaction() as own:
            own._set_guarded(expiry_notified_on=own.expiration_date)
            own._queue_lifecycle_email("expiring")
