from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SecretCase


@tagged("post_install", "-at_install")
class TestState(SecretCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()

        class Parcel(models.Model):
            _name = "lokario.test.parcel"
            _inherit = "lokario.state.mixin"
            _description = "Model of a Test"
            _module = "lokario_base"

            _transitions = {"draft": {"sent"}, "sent": set()}

            name = fields.Char()
            state = fields.Selection([("draft", "Draft"), ("sent", "Sent")], default="draft")
            sent_at = fields.Datetime()

            def _set_sent(self):
                self._set_state("sent", sent_at="2026-01-01 00:00:00")

        cls.make_model(Parcel)

    def test_along_the_table_alone(self):
        first, second = self.env["lokario.test.parcel"].create([{"name": "A"}, {"name": "B"}])
        first._set_sent()
        self.assertEqual((first.state, str(first.sent_at)), ("sent", "2026-01-01 00:00:00"))
        with self.assertRaisesRegex(UserError, "“A” is in the state “Sent”: it cannot become “Sent”"):
            (second | first)._set_sent()
        self.assertEqual((second.state, second.sent_at), ("draft", False), "nothing of a refused move is written")
        second._set_sent()
        self.assertEqual(second.state, "sent")
