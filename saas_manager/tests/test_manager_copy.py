from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from .common import SaasCase


@tagged("post_install", "-at_install")
class TestManagerCopy(SaasCase):
    """A restored or staging copy of the manager can never act on real instances."""

    def test_a_neutralized_copy_owns_nothing(self):
        before = self.server._ownership_tag("x")
        self.plan.write({"relay_host": "smtp.example.test", "relay_password": "secret"})
        self.env["lokario.gate.route"].create({"host": "martin.example.test", "database": "t-martin"})
        self.env.flush_all()
        for query in get_neutralization_queries(["saas_manager"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        self.assertNotEqual(self.server._ownership_tag("x"), before)
        self.assertFalse(self.env["lokario.gate.route"].search([]))
        self.assertEqual(self.server.state, "maintenance")
        self.assertFalse(self.plan.relay_host)
        self.assertIsNone(self.plan._reveal_secret__("relay_password"))

    def test_a_duplicate_is_another_manager(self):
        before = self.server._manager_identity()
        self.env["ir.config_parameter"].set_param("database.uuid", "something-else")
        self.assertNotEqual(self.server._manager_identity(), before)
