from unittest import SkipTest

from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, tagged

from .common import ReminderMixin

MANAGER = "lokario_reminder.group_lokario_reminder_manager"


@tagged("post_install", "-at_install")
class TestRights(ReminderMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.belgian = cls.env["res.company"].create({"name": "Belge SA"})
        cls.readers = cls.colleagues("")
        cls.manager = cls.colleague("manager", MANAGER)
        cls.stranger = cls.colleague("stranger", MANAGER, cls.belgian)
        kind = cls.env["lokario.due.notice"]._fields["kind"].get_values(cls.env)
        if not kind:
            raise SkipTest("no source of notices is installed")
        cls.notices_of = {
            user: cls.env["lokario.due.notice"].create(
                {
                    "kind": kind[0],
                    "res_model": "res.partner",
                    "res_id": user.partner_id.id,
                    "user_id": user.id,
                    "company_id": user.company_id.id,
                    "occurrence": "1",
                    "title": f"Of {user.login}",
                }
            )
            for user in (*cls.readers, cls.stranger)
        }

    def seen_by(self, user):
        return self.env["lokario.due.notice"].with_user(user).search([("occurrence", "=", "1")])

    def test_everybody_sees_his_own_notices(self):
        for user in self.readers:
            self.assertEqual(self.seen_by(user), self.notices_of[user])

    def test_the_group_sees_those_of_its_companies(self):
        own = self.env["lokario.due.notice"].concat(*(self.notices_of[user] for user in self.readers))
        self.assertEqual(set(self.seen_by(self.manager)), set(own))
        self.assertEqual(self.seen_by(self.stranger), self.notices_of[self.stranger])

    def test_nobody_writes_notices(self):
        notice = self.notices_of[self.readers[0]].with_user(self.manager)
        for act in (lambda: notice.write({"state": "closed"}), notice.unlink, notice.copy):
            with self.assertRaises(AccessError):
                act()
