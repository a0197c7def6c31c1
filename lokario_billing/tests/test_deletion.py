import json

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from .common import BillingCase

NAME, EMAIL = "Zoé Canari-Unique", "zoe.canari@example.org"


@tagged("post_install", "-at_install")
class TestDeletion(BillingCase):
    """An account whose person was invoiced: accounting stays, the person goes."""

    def setUp(self):
        super().setUp()
        self.user = new_test_user(self.env, EMAIL, groups="base.group_portal", name=NAME, email=EMAIL)
        self.partner = self.user.partner_id
        self.partner.write({"street": "1 rue du Canari", "phone": "+33 1 23 45 67 89"})
        self.env["account.journal"].search([("type", "=", "sale")]).restrict_mode_hash_table = True
        self.move = self.init_invoice("out_invoice", partner=self.partner, amounts=[100], post=True)
        self.pdf = self.env["ir.attachment"].create(
            {"name": "facture.pdf", "raw": b"%PDF canari", "res_model": "account.move", "res_id": self.move.id}
        )
        self.quote = self.env["sale.order"].create({"partner_id": self.partner.id})
        self.cron = self.env.ref("lokario_account.ir_cron_account_deletions")

    def request(self):
        return self.env["lokario.account.deletion"].with_user(self.user)._request(self.user).sudo()

    def pay(self):
        wizard = self.env["account.payment.register"]
        wizard = wizard.with_context(active_model="account.move", active_ids=self.move.ids)
        wizard.create({})._create_payments()

    def run_job(self, at):
        with freeze_time(at), self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()

    def export(self):
        self.env.flush_all()
        rows = []
        for table, record in (("res_users", self.user), ("res_partner", self.partner), ("account_move", self.move)):
            self.env.cr.execute(f"SELECT to_jsonb(t) FROM {table} t WHERE id = %s", [record.id])
            rows.append(self.env.cr.fetchone()[0])
        return json.dumps(rows, sort_keys=True)

    def test_an_unpaid_invoice_is_an_obstacle(self):
        with self.assertRaisesRegex(UserError, self.move.name):
            self.request()

    def test_undo_on_day_29_is_exact(self):
        self.pay()
        before = self.export()
        deletion = self.request()
        with freeze_time(deletion.requested_at + relativedelta(days=29)):
            deletion._set_cancelled()
        self.assertEqual(self.export(), before)

    def test_accounting_stays_without_the_person(self):
        self.pay()
        figures = (self.move.name, self.move.amount_total, self.move.state, self.move.payment_state)
        deletion = self.request()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertFalse(self.user.exists())
        self.assertFalse(self.quote.exists())
        self.assertEqual((self.move.name, self.move.amount_total, self.move.state, self.move.payment_state), figures)
        self.assertTrue(self.pdf.exists())
        self.assertTrue(self.move.inalterable_hash)
        states = {result["status"] for result in self.company._check_hash_integrity()["results"]}
        self.assertIn("verified", states)
        self.assertNotIn("corrupted", states)
        self.assertEqual(self.move.partner_id, self.partner)
        text = json.dumps([self.partner.read(), self.move.read(["invoice_partner_display_name"])], default=str)
        for word in (NAME, EMAIL, "Canari", "23 45 67"):
            self.assertNotIn(word, text)
        lookup = self.env["privacy.lookup.wizard"].create({"name": NAME, "email": EMAIL})
        lookup.action_lookup()
        self.assertFalse([(line.res_model, line.res_id) for line in lookup.line_ids])

    def test_the_hold_ends_by_itself(self):
        self.pay()
        deletion = self.request()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        last = max(self.env["lokario.deletion.plan"]._moves_of(self.partner).mapped("date"))
        end = self.company.compute_fiscalyear_dates(last)["date_to"] + relativedelta(years=10)
        self.assertEqual(deletion.hold_until, end)
        self.assertGreaterEqual(deletion.certificate["holds"][0]["count"], 1)
        self.run_job(deletion.hold_until)
        self.assertTrue(self.pdf.exists())
        self.run_job(deletion.hold_until + relativedelta(days=2))
        self.assertFalse(self.pdf.exists())
        self.assertTrue(deletion.released_at)
        self.assertTrue(self.move.exists())
