import json
from pathlib import Path
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError
from odoo.http import root
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import format_date, mute_logger

from odoo.addons.lokario_base.tests.common import identity_confirmed
from odoo.addons.lokario_base.tools.deletion import DeletionStep, LegalHold, StepOutcome

NAME, EMAIL = "Zoé Canari-Unique", "zoe.canari@example.org"


class DeletionCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cron = cls.env.ref("lokario_account.ir_cron_account_deletions")
        cls.user = cls.make_user("zoe.canari@example.org", NAME, EMAIL)

    @classmethod
    def make_user(cls, login, name, email, groups="base.group_portal"):
        user = new_test_user(cls.env, login, groups=groups, name=name, email=email, password="Secret-1234!")
        user.partner_id.write({"street": "1 rue du Canari", "phone": "+33 1 23 45 67 89", "comment": "<p>canari</p>"})
        return user

    def request(self, user=None):
        user = user or self.user
        return self.env["lokario.account.deletion"].with_user(user)._request(user).sudo()

    def run_job(self, at):
        with freeze_time(at), self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()

    def export(self, user):
        """Every column of the account, as the database has it."""
        self.env.flush_all()
        rows = []
        for table, record in (("res_users", user), ("res_partner", user.partner_id)):
            self.env.cr.execute(f"SELECT to_jsonb(t) FROM {table} t WHERE id = %s", [record.id])
            rows.append(self.env.cr.fetchone()[0])
        return json.dumps(rows, sort_keys=True)


@tagged("post_install", "-at_install")
class TestDeletionRequest(DeletionCase):
    def test_request_suspends_and_undo_restores_exactly(self):
        self.env.flush_all()
        before = self.export(self.user)
        token = self.user._compute_session_token("sid")
        deletion = self.request()
        self.assertEqual(deletion.state, "scheduled")
        self.assertEqual(self.user.deletion_scheduled_at, deletion.requested_at + relativedelta(days=30))
        self.assertNotEqual(self.user._compute_session_token("sid"), token, "sessions end")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        self.assertIn(deletion.due_at, triggers.mapped("call_at"), "02:00 of the account's company")
        with self.assertRaisesRegex(AccessDenied, "about to be deleted"):
            self.login()
        with freeze_time(deletion.deletion_scheduled_at - relativedelta(days=1)):
            deletion._by_undo_token(deletion._undo_url().partition("token=")[2])._set_cancelled()
        self.assertEqual(self.export(self.user), before)
        self.assertEqual(self.user._compute_session_token("sid"), token, "the same sessions are valid again")
        self.login()

    def login(self):
        user = self.user.with_user(self.user)
        return user._check_credentials({"type": "password", "password": "Secret-1234!"}, {"interactive": True})

    def test_mails_and_pages_name_a_day(self):
        """Not the second: the account goes in the night after this day, where the company is."""
        self.user.company_id.partner_id.tz = "Europe/Paris"
        with freeze_time("2026-05-04 22:30:00"):  # after midnight there, before the hour of the night's job
            deletion = self.request()
        self.assertEqual(str(deletion.due_at), "2026-06-04 00:00:00")
        self.assertEqual(str(deletion._last_day()), "2026-06-03")
        mail = self.env["mail.mail"].search([("model", "=", deletion._name), ("res_id", "=", deletion.id)])
        day = format_date(self.env, deletion._last_day(), lang_code=self.user.lang)
        self.assertIn(day, mail.subject)
        self.assertIn(day, mail.body_html)
        self.assertNotRegex(mail.body_html, r"\d:\d\d:\d\d")

    def test_access_stays_when_the_company_says_so(self):
        self.user.company_id.deletion_suspends_access = False
        self.request()
        self.login()

    def test_api_keys_stop(self):
        keys = self.env["res.users.apikeys"].with_user(
            self.make_user("i@example.org", "I", "i@example.org", "base.group_user")
        )
        key = keys._generate("rpc", "test", fields.Datetime.now() + relativedelta(days=1))
        self.assertTrue(keys._check_credentials(scope="rpc", key=key))
        self.request(keys.env.user)
        self.assertFalse(keys._check_credentials(scope="rpc", key=key))

    def test_undo_token_is_single_use_and_unforgeable(self):
        deletion = self.request()
        token = deletion._undo_url().partition("token=")[2]
        for bad in ("", "x", token[:-2], token[::-1], None):
            self.assertFalse(deletion._by_undo_token(bad))
        self.assertEqual(deletion._by_undo_token(token), deletion)
        deletion._set_cancelled()
        self.assertFalse(deletion._by_undo_token(token))
        with self.assertRaises(UserError):
            deletion._set_cancelled()

    def test_notices_are_sent_once_each_by_the_system(self):
        deletion = self.request()
        mails = self.env["mail.mail"].search([("model", "=", deletion._name), ("res_id", "=", deletion.id)])
        self.assertEqual(len(mails), 1)
        self.assertIn(EMAIL, mails.email_to)
        self.assertIn("/users/deletion/undo?token=", mails.body_html)
        self.assertFalse(mails._is_business_mail())
        for days in (20, 8, 7, 6, 1, 1):
            self.run_job(deletion.deletion_scheduled_at - relativedelta(days=days, hours=-1))
        self.assertEqual(deletion.notices_sent, ["requested", "notice_7", "notice_1"])

    def test_guard_rails(self):
        admin = self.env.ref("base.user_admin")
        others = self.env.ref("base.group_system").all_user_ids - admin - self.env.ref("base.user_root")
        others.write({"active": False})
        plan = self.env["lokario.deletion.plan"]
        self.assertIn("last administrator", " ".join(plan._obstacles(admin)))
        self.assertIn("technical", " ".join(plan._obstacles(self.env.ref("base.user_root"))))
        self.assertIn("technical", " ".join(plan._obstacles(self.env.ref("base.public_user"))))
        twin = new_test_user(self.env, "twin", groups="base.group_portal", partner_id=self.user.partner_id.id)
        self.assertIn("shares its contact", " ".join(plan._obstacles(self.user)))
        twin.active = False
        worker = self.make_user("w@example.org", "W", "w@example.org", "base.group_user")
        self.cron.copy({"user_id": worker.id})
        self.assertIn("Scheduled actions", " ".join(plan._obstacles(worker)))
        with self.assertRaisesRegex(UserError, "last administrator"):
            self.env["lokario.account.deletion"]._request(admin)

    def test_only_the_person_and_the_companys_managers_may_ask(self):
        colleague = self.make_user("c@example.org", "C", "c@example.org", "base.group_user")
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        manager = new_test_user(
            self.env, "m", groups="lokario_base.group_lokario_base_manager", company_id=elsewhere.id,
            company_ids=elsewhere.ids,
        )  # fmt: skip
        for somebody in (colleague, manager):
            with self.assertRaisesRegex(AccessError, "Only a manager"):
                self.env["lokario.account.deletion.request"].with_user(somebody).create(
                    {"user_id": self.env.ref("base.user_admin").id}
                ).read(["obstacles"])
        own = self.env["lokario.account.deletion.request"].with_user(colleague).create({})
        self.assertTrue(own.is_own)

    def manager(self, name, groups="", **values):
        return new_test_user(self.env, name, groups=f"lokario_base.group_lokario_base_manager{groups}", **values)

    def ask(self, asking, user):
        """Press the wizard's button; the identity has just been confirmed."""
        wizards = self.env["lokario.account.deletion.request"].with_user(asking)
        with identity_confirmed():
            wizards.create({"user_id": user.id}).action_confirm()
        return user.sudo().deletion_ids[:1]

    def test_a_manager_never_ends_who_may_do_more(self):
        manager, peer = self.manager("m1"), self.manager("m2")
        administrator = self.make_user("a@example.org", "A", "a@example.org", "base.group_system")
        access = self.make_user("r@example.org", "R", "r@example.org", "base.group_erp_manager")
        creator = self.make_user("p@example.org", "P", "p@example.org", "base.group_user,base.group_partner_manager")
        for stronger in (administrator, access, creator):
            with self.assertRaisesRegex(AccessError, "rights that you do not have"):
                self.ask(manager, stronger)
            self.assertFalse(stronger.sudo().deletion_suspended_at)
            with self.assertRaises(AccessError), identity_confirmed():
                self.request(stronger).with_user(manager).action_undo()
            with self.assertRaises(AccessError):
                stronger.with_user(access).write({"deletion_suspended_at": fields.Datetime.now()})
        self.assertEqual(self.ask(manager, peer).state, "scheduled")
        self.assertEqual(self.ask(self.manager("m3", ",base.group_partner_manager"), self.user).state, "scheduled")

    def test_an_administrator_needs_a_second_one(self):
        groups = "base.group_system,lokario_base.group_lokario_base_manager"
        first, second, target = (self.make_user(f"{n}@a.test", n, f"{n}@a.test", groups) for n in ("one", "two", "six"))
        deletion = self.ask(first, target)
        self.assertEqual(deletion.state, "waiting")
        self.assertFalse(target.sudo().deletion_suspended_at or deletion.due_at or deletion.notices_sent)
        self.assertIn(second, target.partner_id.activity_ids.user_id)
        for wrong in (first, target, self.manager("m")):
            with self.assertRaisesRegex(AccessError, "Another administrator"), identity_confirmed():
                deletion.with_user(wrong).action_approve()
        with self.assertLogs("lokario.audit") as logs, identity_confirmed():
            deletion.with_user(second).action_approve()
        self.assertIn(f"deletion approved: res.users [{target.id}] by user #{second.id}", logs.output[0])
        self.assertEqual((deletion.state, deletion.approved_by_id), ("scheduled", second))
        self.assertTrue(target.sudo().deletion_suspended_at)
        with self.assertRaises(UserError), identity_confirmed():
            deletion.with_user(second).action_approve()
        self.assertEqual(self.request(second).state, "scheduled", "one's own account needs nobody")

    def test_nobody_to_approve(self):
        groups = "base.group_system,lokario_base.group_lokario_base_manager"
        first, target = (self.make_user(f"{n}@a.test", n, f"{n}@a.test", groups) for n in ("one", "six"))
        others = self.env.ref("base.group_system").all_user_ids - first - target - self.env.ref("base.user_root")
        others.write({"active": False})
        with self.assertRaisesRegex(UserError, "there is none"):
            self.ask(first, target)

    def test_the_last_two_administrators_do_not_go_together(self):
        first, second = (self.make_user(f"{n}@a.test", n, f"{n}@a.test", "base.group_system") for n in ("one", "two"))
        others = self.env.ref("base.group_system").all_user_ids - first - second - self.env.ref("base.user_root")
        others.write({"active": False})
        deletion = self.request(first)
        with self.assertRaisesRegex(UserError, "last administrator"):
            self.request(second)
        deletion._set_cancelled()
        self.assertEqual(self.request(second).state, "scheduled")

    def test_nobody_deletes_by_hand_whose_deletion_is_scheduled(self):
        deletion, other = self.request(), self.make_user("other@example.org", "Other", "other@example.org")
        with self.assertRaisesRegex(UserError, f"{NAME} is scheduled"):
            (other | self.user).unlink()
        deletion._set_cancelled()
        (other | self.user).unlink()
        self.assertFalse((other | self.user).exists())

    def test_the_portals_button_keeps_odoos_rules(self):
        employee = self.make_user("e@example.org", "E", "e@example.org", "base.group_user")
        with self.assertRaisesRegex(AccessDenied, "Only portal users"):
            employee._deactivate_portal_user()
        self.assertFalse(employee.deletion_scheduled_at)
        other = self.make_user("other@example.org", "Other", "other@example.org")
        self.user._deactivate_portal_user(request_blacklist=True)
        other._deactivate_portal_user()
        blacklisted = [("email", "in", [EMAIL, "other@example.org"])]
        self.assertFalse(self.env["mail.blacklist"].search(blacklisted), "undo stays exact")
        self.run_job(self.user.deletion_ids.due_at + relativedelta(minutes=1))
        self.assertFalse(self.user.exists() | other.exists())
        blocked = self.env["mail.blacklist"].search(blacklisted)
        self.assertEqual(blocked.mapped("email"), [EMAIL])
        self.assertFalse(blocked.message_ids)

    def test_one_open_request_per_account(self):
        self.request()
        with self.assertRaises(UserError):
            self.request()

    def test_a_wizard_is_seen_by_who_opened_it(self):
        opener, other = (new_test_user(self.env, name, "base.group_user") for name in ("wizard-opener", "wizard-other"))
        wizard = self.env["lokario.account.deletion.request"].with_user(opener).create({})
        self.assertEqual(wizard.search([("id", "=", wizard.id)]).user_id, opener)
        self.assertFalse(wizard.with_user(other).search([("id", "=", wizard.id)]))
        with self.assertRaises(AccessError):
            wizard.with_user(other).read(["user_id"])
        with self.assertRaises(AccessError):
            wizard.with_user(other).write({"user_id": other.id})


@tagged("post_install", "-at_install")
class TestErasure(DeletionCase):
    def setUp(self):
        super().setUp()
        self.partner = self.user.partner_id
        self.attachment = (
            self.env["ir.attachment"].with_user(self.user).sudo().create({"name": "canari.txt", "raw": b"canari"})
        )
        self.partner.image_1920 = (
            b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        )
        self.other = self.env["res.partner"].create({"name": "Other"})
        self.message = self.other.with_user(self.user).sudo().message_post(body="good day", author_id=self.partner.id)
        self.address = self.env["res.partner"].create(
            {"name": "Address", "parent_id": self.partner.id, "type": "delivery", "street": "canari"}
        )

    def due(self):
        deletion = self.request()
        return deletion, deletion.due_at + relativedelta(minutes=1)

    def test_what_changed_while_it_was_scheduled(self):
        """One account went with a module, one has another contact, one has its company's address."""
        gone, _at = self.due()
        nobodys = self.env["ir.attachment"].create([{"name": f"{n}.txt", "raw": b"x"} for n in ("a", "b")])
        self.env.cr.execute("UPDATE ir_attachment SET create_uid = NULL WHERE id = ANY(%s)", [nobodys.ids])
        self.user.with_context(_force_unlink=True).unlink()
        moved = self.make_user("moved@example.org", "Moved Canari", "moved@example.org")
        company = self.env["res.partner"].create({"name": "ACME", "is_company": True, "email": "contact@acme.test"})
        bob = self.make_user("contact@acme.test", "Bob Canari-Forge", "contact@acme.test")
        bob.partner_id.parent_id = company
        bob._deactivate_portal_user(request_blacklist=True)
        deletions = gone | self.request(moved) | bob.deletion_ids
        former, now = moved.partner_id, self.other.copy({"name": "Moved Canari"})
        moved.partner_id = now
        former.write({"name": "Somebody", "email": "else@example.org", "phone": False, "comment": False})
        self.run_job(max(deletions.mapped("due_at")) + relativedelta(minutes=1))
        self.assertEqual(deletions.mapped("state"), ["done"] * 3, deletions.mapped("error_message"))
        self.assertFalse((self.partner | now).exists() or (moved | bob).exists())
        self.assertEqual(nobodys.exists(), nobodys, "what nobody created is not his")
        self.assertEqual(former.name, "Somebody")
        self.assertFalse(company.is_blacklisted, "not the company's wish")

    def assert_no_trace(self):
        wizard = self.env["privacy.lookup.wizard"].create({"name": NAME, "email": EMAIL})
        wizard.action_lookup()
        self.assertFalse([(line.res_model, line.res_id) for line in wizard.line_ids])

    def test_undone_after_the_search_is_undone(self):
        deletion, at = self.due()

        def undone_meanwhile(records):
            found = search(records)
            found._set_cancelled()
            return found

        search = self.env.registry["lokario.account.deletion"]._to_erase
        with patch.object(self.env.registry["lokario.account.deletion"], "_to_erase", undone_meanwhile):
            self.run_job(at)
        self.assertEqual(deletion.state, "cancelled")
        self.assertTrue(self.user.exists())
        self.assertFalse(deletion.checkpoint_ids)

    def test_an_employee_goes_too(self):
        employee = self.make_user("e@example.org", "Employée Canari", "e@example.org", "base.group_user")
        document = self.env["res.partner"].with_user(employee).sudo().create({"name": "Client", "user_id": employee.id})
        document.activity_schedule("mail.mail_activity_data_todo", user_id=employee.id)
        deletion = self.request(employee)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(employee.exists())
        self.assertTrue(document.exists())
        wizard = self.env["privacy.lookup.wizard"].create({"name": "Employée Canari", "email": "e@example.org"})
        wizard.action_lookup()
        self.assertFalse([(line.res_model, line.res_id) for line in wizard.line_ids])

    def test_not_before_it_is_due(self):
        deletion, _at = self.due()
        self.run_job(deletion.due_at - relativedelta(minutes=1))
        self.assertEqual(deletion.state, "scheduled")
        self.assertTrue(self.user.exists())

    def test_everything_goes_and_the_lookup_finds_nothing(self):
        deletion, at = self.due()
        store = self.attachment._full_path(self.attachment.store_fname)
        with patch.object(self.env.registry["mail.mail"], "send") as send, self.assertLogs() as logs:
            self.run_job(at)
        self.assertNotIn(EMAIL, "".join(logs.output))
        send.assert_not_called()  # as Odoo does when a login changes
        self.assertEqual(deletion.state, "done", deletion.error_message)
        for record in (self.user, self.partner, self.address, self.attachment):
            self.assertFalse(record.exists(), record)
        self.assertTrue(self.other.exists())
        self.assertIn("good day", self.message.body, "what was written to others stays theirs")
        self.assertFalse(self.message.author_id or self.message.email_from)
        self.assert_no_trace()
        self.assertTrue(store)

    def test_sessions_that_no_device_log_knows_end(self):
        deletion, at = self.due()
        other = self.make_user("other@example.org", "Other", "other@example.org")
        mine, theirs = self.open_session(self.user), self.open_session(other)
        self.run_job(at)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(mine.exists())
        self.assertTrue(theirs.exists())

    def open_session(self, user):
        session = root.session_store.new()
        session.update({"db": self.env.cr.dbname, "login": user.login, "uid": user.id})
        root.session_store.save(session)
        path = Path(root.session_store.get_session_filename(session.sid))
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def test_notifications_todos_and_meetings_go(self):
        employee = self.make_user("e@example.org", "Employée Canari", "e@example.org", "base.group_user")
        message = json.dumps({"name": employee.name})
        notification = self.env["bus.bus"].create({"channel": "x", "message": message})
        personal, shared = self.env["bus.bus"], self.env["bus.bus"].create({"channel": "x", "message": "{}"})
        if "project.task" in self.env:
            tasks = self.env["project.task"]
            personal = tasks.create({"name": "canari", "user_ids": employee.ids})
            shared = tasks.create({"name": "canari", "user_ids": (employee | self.env.user).ids})
        deletion = self.request(employee)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(notification.exists() or personal.exists())
        self.assertTrue(shared.exists())

    def test_mails_to_others_stay(self):
        """Addresses are compared whole, and a mail to several people goes to the others."""
        ann = self.make_user("ann@alpha.test", "Ann", "ann@alpha.test")
        joann = self.make_user("joann@alpha.test", "Joann", "joann@alpha.test")
        mails = self.env["mail.mail"]
        own = mails.create({"email_to": "Ann <ANN@alpha.test>", "body_html": "x"})
        own |= mails.create({"recipient_ids": ann.partner_id.ids, "body_html": "x"})
        others = mails.create({"email_to": "joann@alpha.test", "body_html": "x"})
        others |= mails.create({"email_to": "x@ann@alpha.test.example", "body_html": "x"})
        shared = mails.create(
            {
                "email_to": "Joann <joann@alpha.test>, ann@alpha.test",
                "email_cc": "ann@alpha.test",
                "recipient_ids": (ann | joann).partner_id.ids,
                "body_html": "x",
            }
        )
        notification = self.env["bus.bus"].create({"channel": "x", "message": '{"to": "joann@alpha.test"}'})
        deletion = self.request(ann)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(own.exists())
        self.assertEqual(others.exists(), others)
        self.assertEqual((shared.email_to, shared.email_cc), ("Joann <joann@alpha.test>", ""))
        self.assertEqual(shared.recipient_ids, joann.partner_id)
        self.assertTrue(notification.exists())

    def test_no_warning_in_the_run_that_deletes(self):
        """The job was late: what it announced would already have happened."""
        deletion, at = self.due()
        mails = [("model", "=", deletion._name), ("subject", "like", "tomorrow")]
        self.run_job(at + relativedelta(days=2))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(deletion.notices_sent, ["requested"])
        self.assertFalse(self.env["mail.mail"].search(mails))

    def test_private_conversations_keep_no_name(self):
        employee = self.make_user("e@example.org", "Employée Canari", "e@example.org", "base.group_user")
        channels = self.env["discuss.channel"].with_user(employee)
        with_the_bot = channels._get_or_create_chat(self.env.ref("base.partner_root").ids)
        colleague = self.env.ref("base.user_admin").partner_id
        with_a_colleague = channels._get_or_create_chat(colleague.ids)
        self.assertIn(employee.name, with_the_bot.name)
        self.assertIn(employee.name, with_a_colleague.name)
        deletion = self.request(employee)
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(with_the_bot.exists())
        self.assertEqual(with_a_colleague.sudo().name, colleague.name)

    def test_the_certificate_names_nobody(self):
        deletion, at = self.due()
        self.run_job(at)
        text = json.dumps(deletion.certificate)
        for word in (NAME, EMAIL, "canari", "Zoé"):
            self.assertNotIn(word, text)
        self.assertEqual(deletion.certificate_hash, deletion.checkpoint_ids._hash(deletion.certificate))
        self.assertEqual(
            [step["step"] for step in deletion.certificate["steps"]],
            ["access", "files", "messages", "partner", "residues", "user"],
        )
        html = self.env["ir.actions.report"]._render_qweb_html(
            "lokario_account.report_deletion_certificate", deletion.ids
        )[0]
        self.assertIn(deletion.certificate_hash.encode(), html)

    def test_a_held_contact_is_anonymised(self):
        deletion, at = self.due()
        registry_plan = self.env.registry["lokario.deletion.plan"]
        with patch.object(registry_plan, "_held_partner_reason", lambda plan, partner: partner == self.partner):
            self.run_job(at)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertTrue(self.partner.exists())
        self.assertFalse(self.partner.active)
        self.assertFalse(self.partner.image_1920)
        row = json.dumps(self.partner.read()[0], default=str)
        for word in (NAME, EMAIL, "canari", "23 45 67"):
            self.assertNotIn(word.lower(), row.lower())
        self.assert_no_trace()

    def test_a_user_that_something_needs_is_anonymised(self):
        deletion, at = self.due()
        needed = self.cron.copy({"name": "x"})
        self.env.flush_all()
        self.env.cr.execute("UPDATE ir_cron SET user_id = %s WHERE id = %s", [self.user.id, needed.id])
        self.env.invalidate_all()
        with patch.object(self.env.registry["lokario.deletion.plan"], "_scheduled_actions", return_value=None):
            self.run_job(at)
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertTrue(self.user.exists())
        self.assertFalse(self.user.active)
        self.assertEqual(self.user.login, deletion.name)
        self.assert_no_trace()

    def test_one_failure_never_stops_the_others(self):
        first, at = self.due()
        second = self.request(self.make_user("b@example.org", "B", "b@example.org"))
        run_step = self.env.registry["lokario.deletion.plan"]._run_step

        def fail_for_first(plan, step, deletions):
            if first in deletions and step.name == "messages":
                raise RuntimeError("broken")
            return run_step(plan, step, deletions)

        with (
            patch.object(self.env.registry["lokario.deletion.plan"], "_run_step", fail_for_first),
            mute_logger("odoo.addons.lokario_account.models.account_deletion"),
        ):
            self.run_job(at)
        self.assertEqual((first.state, second.state), ("erasing", "done"))
        self.assertEqual(first.error_message, "RuntimeError")
        self.assertTrue(self.user.exists())
        self.run_job(at)
        self.assertEqual(first.state, "done")
        self.assertFalse(first.error_message)
        self.assertEqual(len(first.checkpoint_ids), 6)

    def test_an_obstacle_that_appears_later_waits(self):
        deletion, at = self.due()
        twin = new_test_user(self.env, "twin", groups="base.group_portal", partner_id=self.partner.id)
        self.run_job(at)
        self.assertEqual(deletion.state, "scheduled")
        self.assertIn("shares its contact", deletion.error_message)
        twin.active = False
        self.run_job(at + relativedelta(days=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)

    def test_no_way_back_once_it_began(self):
        deletion, at = self.due()
        with (
            patch.object(self.env.registry["lokario.deletion.plan"], "_run_step", side_effect=RuntimeError),
            mute_logger("odoo.addons.lokario_account.models.account_deletion"),
        ):
            self.run_job(at)
        self.assertEqual(deletion.state, "erasing")
        with self.assertRaises(UserError):
            deletion._set_cancelled()

    def test_steps_of_addons_batches_and_legal_holds(self):
        calls = []

        def steps(plan):
            return [DeletionStep("addon", 30, "Addon")]

        def run(plan, step, deletions):
            calls.append(step.name)
            return {deletions: StepOutcome({"x.model": [len(calls)]}, remaining=len(calls) < 3)}

        hold = LegalHold("account.move", 2, "2036-12-31", "law")
        deletion, at = self.due()
        registry_plan = self.env.registry["lokario.deletion.plan"]
        with (
            patch.object(registry_plan, "_steps", steps),
            patch.object(registry_plan, "_run_step", run),
            patch.object(registry_plan, "_legal_holds", lambda plan, deletion: [hold]),
            patch.object(registry_plan, "_release_steps", lambda plan: [DeletionStep("release", 10, "Release")]),
        ):
            self.run_job(at)
            self.assertEqual(deletion.checkpoint_ids.erased, {"x.model": 3})
            self.assertEqual(str(deletion.hold_until), "2036-12-31")
            self.assertEqual(deletion.certificate["holds"][0]["count"], 2)
            self.run_job("2036-12-31 12:00:00")
            self.assertFalse(deletion.released_at)
            self.run_job("2037-01-02 12:00:00")
            self.assertTrue(deletion.released_at)
        self.assertEqual(calls, ["addon"] * 3 + ["release"])
