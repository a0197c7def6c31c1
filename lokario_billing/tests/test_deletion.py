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
        for _blocked in (False, True):
            with self.assertRaisesRegex(UserError, self.move.name):
                self.request()
            self.move.action_toggle_block_payment()

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

    def test_quotes_of_a_company_are_the_companys(self):
        """What is under negotiation goes to the company or to a colleague with an account; prices stay."""
        acme, other = (
            self.env["res.partner"].create({"name": name, "is_company": True, "email": f"{name}@x.test"})
            for name in ("acme", "other")
        )
        anne, bob, stranger = (
            new_test_user(self.env, f"{name}@x.test", "base.group_portal", name=name, email=f"{name}@x.test")
            for name in ("anne", "bob", "stranger")
        )
        (anne | bob).partner_id.parent_id = acme
        stranger.partner_id.parent_id = other
        line = {"product_id": self.product_a.id, "price_unit": 80_000}
        quotes = self.env["sale.order"].create(
            [{"partner_id": user.partner_id.id, "order_line": [(0, 0, line)]} for user in (anne, anne, bob, stranger)]
        )
        plan, deletions = self.env["lokario.deletion.plan"].sudo(), self.env["lokario.account.deletion"]
        (owned,) = plan._belongings(anne)
        self.assertEqual((set(owned.ids), owned.heirs, owned.default), (set(quotes[:2].ids), bob._ids, "keep"))
        with self.assertRaisesRegex(UserError, quotes[0].name):
            deletions.with_user(anne)._request(anne, choices={owned.key: ("hand_over", stranger.id)})
        deletion = deletions.with_user(anne)._request(anne, choices={owned.key: ("hand_over", bob.id)}).sudo()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(quotes.partner_id, (bob | stranger).partner_id)
        deletion = deletions.with_user(bob)._request(bob).sudo()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual(quotes[:3].partner_id, acme)
        self.assertEqual(quotes.mapped("order_line.price_unit"), [80_000] * 4)

    def test_orders_of_a_company_that_are_not_finished_go_to_a_colleague(self):
        acme, other = (
            self.env["res.partner"].create({"name": name, "is_company": True, "email": f"{name}@x.test"})
            for name in ("acme", "other")
        )
        anne, bob, stranger = (
            new_test_user(self.env, f"{name}@x.test", "base.group_portal", name=name, email=f"{name}@x.test")
            for name in ("anne", "bob", "stranger")
        )
        (anne | bob).partner_id.parent_id = acme
        stranger.partner_id.parent_id = other
        warehouse = self.env["res.partner"].create({"name": "Warehouse", "parent_id": acme.id, "type": "delivery"})
        terms = self.env.ref("account.account_payment_term_30days")
        line = {"product_id": self.product_a.id, "price_unit": 80_000}
        opened, stored, finished, theirs = orders = self.env["sale.order"].create(
            [
                {"partner_id": user.partner_id.id, "order_line": [(0, 0, line)], "payment_term_id": terms.id, **more}
                for user, more in (
                    (anne, {"partner_shipping_id": anne.partner_id.id}),
                    (anne, {"partner_shipping_id": warehouse.id}),
                    (anne, {}),
                    (stranger, {}),
                )
            ]
        )
        orders.action_confirm()
        self.env.flush_all()
        finished.invoice_status = "invoiced"
        (owned,) = self.env["lokario.deletion.plan"].sudo()._belongings(anne)
        self.assertEqual((set(owned.ids), owned.heirs), ({opened.id, stored.id}, bob._ids))
        before = orders.mapped("amount_total")
        deletions = self.env["lokario.account.deletion"].with_user(anne)
        deletion = deletions._request(anne, choices={owned.key: ("hand_over", bob.id)}).sudo()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual((opened | stored).partner_id, bob.partner_id)
        self.assertEqual((opened.partner_invoice_id, opened.partner_shipping_id), (bob.partner_id, bob.partner_id))
        self.assertEqual(stored.partner_shipping_id, warehouse)
        self.assertEqual((opened | stored).payment_term_id, terms)
        self.assertEqual((orders.mapped("amount_total"), orders.mapped("state")), (before, ["sale"] * 4))
        self.assertEqual(theirs.partner_id, stranger.partner_id)

    def test_a_salespersons_open_quotes_have_a_successor(self):
        ann, bob = (
            new_test_user(self.env, f"{name}@alpha.test", "sales_team.group_sale_salesman", email=f"{name}@alpha.test")
            for name in ("ann", "bob")
        )
        other = self.partner_a
        opened, ordered, bobs = (
            self.env["sale.order"].create({"partner_id": other.id, "user_id": user.id}) for user in (ann, ann, bob)
        )
        ordered.action_confirm()
        key = f"sale.order:{self.company.id}"
        deletions = self.env["lokario.account.deletion"].with_user(ann)
        deletion = deletions._request(ann, choices={key: ("hand_over", bob.id)}).sudo()
        self.run_job(deletion.due_at + relativedelta(minutes=1))
        self.assertEqual(deletion.state, "done", deletion.error_message)
        self.assertEqual((opened.user_id, bobs.user_id, ordered.user_id.name), (bob, bob, False))

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
