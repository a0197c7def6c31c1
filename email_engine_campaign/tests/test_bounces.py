from odoo import fields
from odoo.tests import new_test_user, tagged

from .common import CampaignCommittedCase

HEADER = "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat,vmta,jobId"
ANSWERS = {
    "gone@x.test": "5.1.1,smtp;550 5.1.1 user unknown,bad-mailbox",
    "alive@x.test": "5.1.8,smtp;553 5.1.8 Domain of sender address does not exist,bad-domain",
    "full@x.test": "5.2.2,smtp;552 5.2.2 mailbox full,quota-issues",
    "listed@x.test": "5.7.1,smtp;550 5.7.1 client host blocked using zen.spamhaus.org,bad-mailbox",
}


@tagged("post_install", "-at_install")
class TestBounces(CampaignCommittedCase):
    """What PowerMTA reports of refused mails: who is at fault, for how long, and who is not written to any more."""

    def _report(self, rcpt, day, tenant=None, ip=None):
        tenant, ip = tenant or self.tenant_a, ip or self.ip_a1
        row = f"b,2026-03-{day:02} 10:00:00+0000,news@alpha.test,{rcpt},failed,{ANSWERS[rcpt]},{ip.vmta_name},job"
        self.env["engine.event.ingest"]._ingest(tenant, [f"{HEADER}\n{row}\n".encode()])

    def _suppressed(self, tenant=None):
        suppressions = self.env["engine.suppression"]
        suppressions.invalidate_model()
        return suppressions.search([("tenant_id", "=", (tenant or self.tenant_a).id)]).mapped("email")

    def test_fault_and_duration_are_kept_with_the_event(self):
        for rcpt in ANSWERS:
            self._report(rcpt, 1)
        events = self.env["engine.event"].search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual(
            {event.rcpt: (event.fault, event.is_final) for event in events},
            {
                "gone@x.test": ("recipient", True),
                "alive@x.test": ("sender", True),
                "full@x.test": ("recipient", False),
                "listed@x.test": ("reputation", True),
            },
        )
        self.assertEqual(self._suppressed(), ["gone@x.test"])

    def test_a_tenant_says_how_often_and_how_long(self):
        self.tenant_a.write({"dead_after": 2, "dead_days": 3})
        self._report("gone@x.test", 1)
        self._report("gone@x.test", 2)
        self._report("gone@x.test", 2)
        self.assertEqual(self._suppressed(), [])
        self._report("gone@x.test", 4, self.tenant_b, self.ip_b1)
        self.assertEqual((self._suppressed(), self._suppressed(self.tenant_b)), ([], ["gone@x.test"]))
        self._report("gone@x.test", 4)
        self.assertEqual(self._suppressed(), ["gone@x.test"])

    def test_the_board_says_what_to_do_next(self):
        today = fields.Date.context_today(self.env.user)
        for number, (answer, rcpt) in enumerate(((a, r) for r, a in ANSWERS.items() if r != "full@x.test")):
            for copy in range(3 if rcpt == "listed@x.test" else 1):
                moment, vmta = f"{today} 0{number}:0{copy}:00+0000", self.ip_a1.vmta_name
                row = f"b,{moment},n@a.test,p{copy}{rcpt},failed,{answer},{vmta},job"
                self.env["engine.event.ingest"]._ingest(self.tenant_a, [f"{HEADER}\n{row}\n".encode()])
        user = new_test_user(self.env, "board", "email_engine_bridge.group_email_engine_bridge_user")
        board = self.env["engine.deliverability"].with_user(user).search([("tenant_id", "=", self.tenant_a.id)])
        self.assertEqual((board.provider, board.processed, board.blocked, board.dead), ("other", 5, 3, 1))
        self.assertEqual((board.fault, board.delivered_share), ("reputation", 0))
        self.assertIn("Send less", board.advice)
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            "board-stranger",
            "email_engine_bridge.group_email_engine_bridge_manager",
            company_id=company.id,
            company_ids=company.ids,
        )
        self.assertFalse(self.env["engine.deliverability"].with_user(stranger).search([]))
