from datetime import timedelta

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import TransactionCase, tagged

from odoo.addons.lokario_reminder.tests.common import ReminderMixin

from ..hooks import pre_init_hook, uninstall_hook
from ..models.res_config_settings import CRITICAL_HOURS


@tagged("post_install", "-at_install")
class TestSettings(ReminderMixin, TransactionCase):
    def test_the_hourly_check_follows_the_settings(self):
        task = self.env["project.task"].create(
            {
                "name": "Call",
                "project_id": self.env["project.project"].create({"name": "Site"}).id,
                "priority": "2",
                "user_ids": self.colleague("worker", "project.group_project_user").ids,
                "date_deadline": fields.Datetime.now() + timedelta(hours=60),
            }
        )
        for hours, count in ((48, 0), (72, 1)):
            self.env["res.config.settings"].create({"due_critical_hours": hours}).execute()
            self.run_check()
            self.assertEqual(len(self.notices(task)), count)

    def test_settings_refuse_less_than_an_hour(self):
        with self.assertRaises(ValidationError):
            self.env["res.config.settings"].create({"due_critical_hours": 0})

    def test_the_former_setting_is_taken_over_and_nothing_stays_behind(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("lokario_billing.critical_hours", "36")
        pre_init_hook(self.env)
        self.assertEqual(
            (parameters.get_param(CRITICAL_HOURS), parameters.get_param("lokario_billing.critical_hours")),
            ("36", False),
        )
        uninstall_hook(self.env)
        self.assertFalse(parameters.get_param(CRITICAL_HOURS))
