from odoo.exceptions import ValidationError
from odoo.tests import TransactionCase, tagged

from ..hooks import pre_init_hook, uninstall_hook
from ..models.res_config_settings import APPOINTMENT_HOURS


@tagged("post_install", "-at_install")
class TestSettings(TransactionCase):
    def test_settings_refuse_what_is_no_hour(self):
        with self.assertRaisesRegex(ValidationError, "24, 1"):
            self.env["res.config.settings"].create({"due_appointment_hours": "soon"})

    def test_the_former_setting_is_taken_over_and_nothing_stays_behind(self):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("lokario_billing.appointment_hours", "12,2")
        pre_init_hook(self.env)
        taken = parameters.get_param(APPOINTMENT_HOURS), parameters.get_param("lokario_billing.appointment_hours")
        self.assertEqual(taken, ("12,2", False))
        uninstall_hook(self.env)
        self.assertFalse(parameters.get_param(APPOINTMENT_HOURS))
