from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestInstall(TransactionCase):
    def test_manager_is_a_user(self):
        """The manager group of the addon implies its user group."""
        manager = self.env.ref("lokario_base.group_lokario_base_manager")
        user = self.env.ref("lokario_base.group_lokario_base_user")
        self.assertIn(user, manager.all_implied_ids)
