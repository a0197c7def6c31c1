"""What the program writes is refused to people, by whatever call; the buttons do it for them."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .people import DocumentsCase

WRITTEN = {
    "lokario.followup": {
        "state": "done",
        "why": "paid",
        "next_at": "2030-01-01 10:00:00",
        "answered_at": "2030-01-01 10:00:00",
        "answer_pending": True,
        "refused": True,
        "closed_by_hand": True,
        "promised_until": "2030-01-01",
        "disputed": True,
        "claim_amount": 1.0,
    },
    "lokario.followup.promise": {"by_customer": True},
    "lokario.followup.dispute": {"by_customer": True, "state": "rejected"},
}


@tagged("post_install", "-at_install")
class TestMachineFields(DocumentsCase):
    def setUp(self):
        super().setUp()
        self.plan()
        self.collector = self.people["collector"][0]
        self.followup = self.documents[self.people["seller"][0]]["invoices"][0].followup_ids

    def record(self, model):
        of_it = {"followup_id": self.followup.id}
        made = {
            "lokario.followup.promise": {**of_it, "promised_for": self.french._followup_today()},
            "lokario.followup.dispute": {**of_it, "reason": "Wrong price"},
        }
        mine = self.env[model].with_user(self.collector)
        return mine.create(made[model]) if model in made else self.followup.with_user(self.collector)

    def test_a_write_is_refused(self):
        for model, values in WRITTEN.items():
            record = self.record(model)
            for name, value in values.items():
                before = record.sudo()[name]
                with self.subTest(f"{model}.{name}"), self.assertRaises(AccessError):
                    record.write({name: value})
                self.assertEqual(record.sudo()[name], before)

    def test_a_new_record_does_not_bring_them(self):
        of_it = {"followup_id": self.followup.id}
        for model, values in {
            "lokario.followup": {"partner_id": self.customer.id, "closed_by_hand": True},
            "lokario.followup.promise": {**of_it, "promised_for": self.french._followup_today(), "by_customer": True},
            "lokario.followup.dispute": {**of_it, "reason": "Wrong", "by_customer": True},
        }.items():
            with self.subTest(model), self.assertRaises(AccessError):
                self.env[model].with_user(self.collector).create(values)

    def test_what_happened_is_only_read(self):
        self.run_cron()
        invoice = self.followup.move_id
        happened = (
            self.env["lokario.delivery"]
            .sudo()
            .create(
                {
                    "company_id": self.french.id,
                    "res_model": invoice._name,
                    "res_id": invoice.id,
                    "route": "global",
                    "message_id": "<machine@alpha.test>",
                }
            )
        )
        step = self.followup.step_ids
        self.assertTrue(step.reminder_id)
        for record in (happened, step, step.reminder_id):
            mine = record.with_user(self.collector)
            for act in (lambda mine=mine: mine.write({"state": "sent"}), mine.unlink):
                with self.subTest(record._name), self.assertRaises(AccessError):
                    act()

    def test_the_buttons_work_for_people(self):
        followup = self.followup.with_user(self.collector)
        followup.action_mark_done()
        self.assertEqual((followup.state, followup.closed_by_hand), ("done", True))
        followup.action_reopen()
        self.assertNotEqual(followup.state, "done")
        dispute = self.record("lokario.followup.dispute")
        self.assertTrue(followup.disputed)
        dispute.action_accept()
        self.assertEqual((dispute.state, followup.disputed), ("accepted", False))
        dispute.action_reject()
        self.assertEqual(dispute.state, "accepted")
