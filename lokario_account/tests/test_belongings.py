import json
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from odoo import fields, http
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tests.common import identity_confirmed

from .test_deletion import DeletionCase

MANAGER = "lokario_base.group_lokario_base_manager"
LOGGER = "odoo.addons.lokario_account.models.account_deletion"


@tagged("post_install", "-at_install")
class TestBelongings(DeletionCase):
    """What others need is handed over, stays the company's or goes, as was chosen: in two companies, for two people."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls.env["lokario.deletion.plan"].sudo()
        cls.first, cls.second = cls.env.company, cls.env["res.company"].create({"name": "Second"})
        both = (cls.first | cls.second).ids
        cls.zoe = cls.employee("zoe@alpha.test", cls.first, company_ids=both)
        cls.bob = cls.employee("bob@alpha.test", cls.first)
        cls.carol = cls.employee("carol@beta.test", cls.second)
        cls.clients = cls.env["res.partner"].create(
            [
                {"name": f"Client {number}", "user_id": user.id, "company_id": company.id}
                for number, (user, company) in enumerate(
                    [(cls.zoe, cls.first), (cls.zoe, cls.first), (cls.zoe, cls.second), (cls.bob, cls.first)]
                )
            ]
        )

    @classmethod
    def employee(cls, login, company, groups="base.group_user", **values):
        values = {"company_id": company.id, "company_ids": company.ids, **values}
        return new_test_user(cls.env, login, groups, email=login, name=login.partition("@")[0], **values)

    def key(self, company):
        return f"res.partner:{company.id}"

    def ask(self, choices=None, user=None):
        user = user or self.zoe
        return self.env["lokario.account.deletion"].with_user(user)._request(user, choices=choices).sudo()

    def run_due(self, deletion):
        self.run_job(deletion.due_at + relativedelta(minutes=1))

    def test_handed_over_or_kept_as_chosen(self):
        deletion = self.ask({self.key(self.first): ("hand_over", self.bob.id)})
        self.assertEqual(self.clients[0].user_id, self.zoe, "undo is exact: nothing happens before")
        self.run_due(deletion)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(self.clients.mapped("user_id"), self.bob)
        self.assertFalse(self.clients[2].user_id, "nobody has chosen: it stays the company's")
        certificate = deletion.certificate["belongings"]
        self.assertCountEqual(
            [(line["model"], line["rows"], line["outcome"]) for line in certificate],
            [("res.partner", 2, "hand_over"), ("res.partner", 1, "keep")],
        )
        self.assertNotIn("Client", json.dumps(deletion.certificate))
        self.assertEqual(set(deletion.belonging_ids.mapped("label")), {False})
        told = self.env["mail.message"].search([("partner_ids", "in", self.bob.partner_id.ids)], limit=1)
        self.assertIn("2", told.body)
        report = self.env["ir.actions.report"]
        page = report._render_qweb_html("lokario_account.report_deletion_certificate", deletion.ids)[0]
        self.assertIn(b"res.partner", page)

    def test_only_who_works_there_takes_over(self):
        """A user of the other company, the person, OdooBot, a customer, one who goes himself, nonsense."""
        going = self.employee("going@alpha.test", self.first)
        self.ask(user=going)
        root = self.env.ref("base.user_root")
        for wrong in (self.carol, self.zoe, root, self.user, going):
            with self.subTest(wrong.login), self.assertRaisesRegex(UserError, "Choose what becomes"):
                self.ask({self.key(self.first): ("hand_over", wrong.id)})
        for choice in (("hand_over", 0), ("delete", 0), ("frob", 0), ("", 0)):
            with self.subTest(choice), self.assertRaisesRegex(UserError, "Choose what becomes"):
                self.ask({self.key(self.first): choice})
        self.assertFalse(self.zoe.deletion_ids, "what is refused leaves nothing")
        self.ask({"res.partner:0": ("delete", 0), self.key(self.second): ("hand_over", self.carol.id)})
        self.assertEqual(self.zoe.deletion_ids.state, "scheduled")

    def test_checked_again_when_the_account_goes(self):
        manager = self.employee("manager@alpha.test", self.first, MANAGER)
        elsewhere = self.employee("manager@beta.test", self.second, MANAGER)
        dave = self.employee("dave@alpha.test", self.first)
        deletion = self.ask({self.key(self.first): ("hand_over", self.bob.id)})
        self.bob.active = False
        with mute_logger(LOGGER):
            self.run_due(deletion)
        self.assertEqual(deletion.state, "scheduled")
        self.assertIn("bob cannot take this over", deletion.error_message)
        self.assertEqual(self.clients[:3].user_id, self.zoe)
        self.assertIn(manager, self.zoe.partner_id.activity_ids.user_id)
        lines = deletion.belonging_ids.filtered(lambda line: line.key == self.key(self.first))
        with self.assertRaises(AccessError):
            lines.with_user(elsewhere).write({"heir_id": dave.id})
        with self.assertRaisesRegex(UserError, "cannot take this over"):
            lines.with_user(manager).write({"heir_id": self.carol.id})
        for machine in ({"key": "x"}, {"carried_out": True}, {"model": "res.users"}):
            with self.assertRaises(AccessError):
                lines.with_user(manager).write(machine)
        lines.with_user(manager).write({"heir_id": dave.id})
        self.run_due(deletion)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(self.clients[:2].user_id, dave)

    def test_what_came_and_went_meanwhile(self):
        deletion = self.ask({self.key(self.second): ("hand_over", self.carol.id)})
        self.clients[2].user_id = self.carol
        team = self.env["res.partner"].create({"name": "New client", "user_id": self.zoe.id})
        self.clients[:2].user_id = self.bob
        self.run_due(deletion)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(deletion.belonging_ids.mapped("row_count"), [1])
        self.assertFalse(team.user_id)
        self.assertEqual(self.clients.mapped("user_id"), self.bob | self.carol)

    def test_the_dialog_of_a_manager(self):
        manager = self.employee("manager@alpha.test", self.first, f"{MANAGER},base.group_partner_manager")
        with identity_confirmed():
            action = self.zoe.with_user(manager).action_open_deletion_request()
        dialog = self.env[action["res_model"]].with_user(manager).browse(action["res_id"])
        self.assertEqual(dialog.belonging_ids.mapped("choice"), ["keep", "keep"])
        line = dialog.belonging_ids.filtered(lambda line: line.key == self.key(self.first))
        self.assertEqual(line.possible_choices, ["keep", "hand_over"])
        self.assertIn(self.bob, line.possible_heir_ids)
        self.assertNotIn(self.carol, line.possible_heir_ids)
        line.write({"choice": "hand_over", "heir_id": self.bob.id})
        with identity_confirmed():
            dialog.action_confirm()
        chosen = self.zoe.sudo().deletion_ids.belonging_ids
        self.assertCountEqual(chosen.mapped("choice"), ["hand_over", "keep"])
        self.assertEqual(chosen.heir_id, self.bob)

    def test_a_dialog_that_is_turned_to_somebody_else_tells_nothing(self):
        dialog = self.env["lokario.account.deletion.request"].with_user(self.bob).create({})
        dialog.user_id = self.zoe
        dialog.invalidate_recordset()
        with self.assertRaisesRegex(AccessError, "Only a manager"):
            dialog.belonging_ids.read(["possible_heir_ids"])
        with self.assertRaisesRegex(AccessError, "Only a manager"):
            self.env["lokario.account.deletion.request"].with_user(self.bob).create({"user_id": self.zoe.id})

    def test_meetings_with_others_have_another_organiser(self):
        if "calendar.event" not in self.env:
            self.skipTest("no calendar")
        guest = self.env["res.partner"].create({"name": "Guest", "email": "guest@client.test"})
        day, hour, now = relativedelta(days=1), relativedelta(hours=1), fields.Datetime.now()
        soon = now + relativedelta(days=60)  # after the deletion
        plans = {
            "shared": {"start": soon},
            "past": {"start": now - 2 * day},
            "private": {"start": soon, "privacy": "private"},
            "bob's": {"start": soon, "user_id": self.bob.id, "partner_ids": (self.bob | self.zoe).partner_id.ids},
            "alone": {"start": soon, "partner_ids": self.zoe.partner_id.ids},
        }
        values = {"user_id": self.zoe.id, "partner_ids": [*self.zoe.partner_id.ids, *guest.ids]}
        meetings = self.env["calendar.event"].with_context(no_mail_to_attendees=True)
        shared, past, private, bobs, alone = meetings.create(
            [{**values, "name": name, "stop": plan["start"] + hour, **plan} for name, plan in plans.items()]
        )
        (owned,) = (found for found in self.plan._belongings(self.zoe) if found.model == "calendar.event")
        self.assertEqual((owned.ids, owned.default), (shared._ids, "keep"))
        self.assertNotIn(self.carol.id, owned.heirs)
        deletion = self.ask({owned.key: ("hand_over", self.bob.id)})
        mails = self.env["mail.mail"].search([])
        self.run_due(deletion)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual((shared.user_id, shared.partner_ids), (self.bob, self.bob.partner_id | guest))
        self.assertEqual(bobs.user_id, self.bob)
        self.assertFalse(past.user_id or private.user_id or alone.exists())
        self.assertEqual((past | private).partner_ids, guest)
        self.assertNotIn(guest, (self.env["mail.mail"].search([]) - mails).recipient_ids)

    def test_a_company_that_nobody_else_enters(self):
        self.carol.active = False
        (owned,) = (owned for owned in self.plan._belongings(self.zoe) if owned.name == "company")
        self.assertEqual((owned.ids, owned.possible), (self.second._ids, ("keep",)), "she gives nobody access")
        self.zoe.group_ids |= self.env.ref("base.group_erp_manager")
        deletion = self.ask({owned.key: ("hand_over", self.bob.id)})
        self.assertEqual(self.bob.company_ids, self.first)
        self.run_due(deletion)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(self.bob.company_ids, self.first | self.second)

    def test_a_failure_changes_nothing(self):
        deletion = self.ask({self.key(self.first): ("hand_over", self.bob.id)})
        lines = self.env.registry["lokario.account.belonging"]
        with patch.object(lines, "_notify_heirs", side_effect=RuntimeError), mute_logger(LOGGER):
            self.run_due(deletion)
        self.assertEqual((deletion.state, self.clients[:3].user_id), ("scheduled", self.zoe))
        self.run_due(deletion)
        self.assertEqual((deletion.state, self.clients[0].user_id), ("done", self.bob))


@tagged("post_install", "-at_install")
class TestBelongingsPage(HttpCase):
    """The same on the page of the portal, which employees without a password use, too."""

    def test_the_page_asks_and_remembers(self):
        zoe, bob = (
            new_test_user(self.env, f"{name}@alpha.test", email=f"{name}@alpha.test", name=name)
            for name in ("zoe", "bob")
        )
        client = self.env["res.partner"].create({"name": "Client", "user_id": zoe.id})
        self.authenticate(zoe.login, zoe.login)
        page = self.url_open("/my/account/deletion").text
        field = f"belonging_res.partner:{zoe.company_id.id}"
        self.assertIn(f'name="{field}"', page)
        data = {"csrf_token": http.Request.csrf_token(self), field: f"hand_over:{bob.id}"}
        with mute_logger("odoo.addons.base.models.res_users"):
            page = self.url_open("/my/account/deletion", data={**data, "password": "wrong"}).text
        self.assertRegex(page, rf'value="hand_over:{bob.id}"\s+selected')
        for wrong in ("hand_over:" + "9" * 5000, "hand_over:١٢", "x:y", "delete", "hand_over"):
            answer = self.url_open("/my/account/deletion", data={**data, field: wrong, "password": zoe.login})
            self.assertEqual(answer.status_code, 200)
            self.assertIn("alert-danger", answer.text)
        self.assertFalse(zoe.deletion_ids)
        self.url_open("/my/account/deletion", data={**data, "password": zoe.login})
        chosen = zoe.deletion_ids.belonging_ids
        self.assertEqual((chosen.choice, chosen.heir_id), ("hand_over", bob))
        self.assertEqual(client.user_id, zoe)
