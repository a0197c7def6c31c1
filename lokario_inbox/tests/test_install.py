from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestInstall(TransactionCase):
    def test_manager_is_a_user(self):
        """The manager group of the addon implies its user group."""
        manager = self.env.ref("lokario_inbox.group_lokario_inbox_manager")
        user = self.env.ref("lokario_inbox.group_lokario_inbox_user")
        self.assertIn(user, manager.all_implied_ids)
