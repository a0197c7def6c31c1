"""Random lives of an invoice and of a quote, real documents against the reference."""

from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from odoo.fields import Command

from ..tools.followup_plan import groups_to_send
from .life_reference import INVOICE_LEVELS, QUOTE_LEVELS, Invoice, Person, Promise, Quote, Reference

START = datetime(2026, 3, 2, 10)
WHO = st.sampled_from(["acme", "anne", "other"])
DAYS = st.integers(1, 12)


class Lives:
    """What all lives share: a company that follows up every day, terms in one part and in two."""

    def __init__(self, env, clock):
        """:param clock: a frozen clock with `move_to`"""
        self.env, self.clock = env(context={**env.context, "tracking_disable": True}), clock
        env = self.env
        self.company = env.company
        self.company.partner_id.tz = "UTC"
        self.company.write(
            {
                "followup_enabled": True,
                "followup_days": "all",
                "followup_holidays": False,
                "followup_opens": 0.0,
                "followup_closes": 23.999,
                "followup_approved_at": START,
                "followup_unsent": False,
            }
        )
        self.terms = {
            parts: env["account.payment.term"].create(
                {
                    "name": f"In {parts}",
                    "line_ids": [
                        Command.create(
                            {
                                "value": "percent",
                                "value_amount": 100 / parts,
                                "delay_type": "days_after",
                                "nb_days": 10 * number,
                            }
                        )
                        for number in range(parts)
                    ],
                }
            )
            for parts in (1, 2)
        }
        self.product = env["product.product"].create({"name": "Lamp", "list_price": 80, "taxes_id": [Command.clear()]})
        self.bank = env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
        )
        self.written = 0  # reminders that left in all lives: a test that writes to nobody proves nothing

    def run(self, lives, **options):
        """Live that many lives; an assertion names the first step that went otherwise than the reference says."""
        shared = self

        class OneLife(Life):
            lives = shared

        run_state_machine_as_test(
            OneLife,
            settings=settings(
                max_examples=lives,
                stateful_step_count=8,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                **options,
            ),
        )


class Life(RuleBasedStateMachine):
    lives: Lives

    def __init__(self):
        super().__init__()
        self.env = self.lives.env
        self.savepoint = self.env.cr.savepoint()
        self.now = START
        self.lives.clock.move_to(self.now)

    def teardown(self):
        self.savepoint.rollback()
        self.savepoint.close(rollback=False)
        self.env.invalidate_all(flush=False)

    @property
    def today(self):
        return self.now.date()

    @initialize(who=WHO, asked=WHO, parts=st.sampled_from([1, 2]), late=st.integers(0, 9), validity=st.booleans())
    def begin(self, who, asked, parts, late, validity):
        partner = self.env["res.partner"].with_context(tracking_disable=True)
        acme, other = partner.create(
            [
                {"name": name, "email": f"{name.lower()}@firm.test", "is_company": True, "lang": "en_US"}
                for name in ("Acme", "Other")
            ]
        )
        anne = partner.create({"name": "Anne", "email": "anne@firm.test", "parent_id": acme.id, "lang": "en_US"})
        self.partners = {"acme": acme, "anne": anne, "other": other}
        invoice = self._invoice(who, parts, late)
        quote = self._quote(asked, validity)
        people = {
            "acme": Person("acme", acme.email),
            "anne": Person("acme", anne.email),
            "other": Person("other", other.email),
        }
        self.expected = Reference(people, invoice, quote, self.today)
        self.papers = {"invoice": (self.move, invoice), "quote": (self.order, quote)}
        self._keep_up()

    def _invoice(self, who, parts, late):
        issued = self.today - timedelta(days=late)
        line = {"name": "Work", "quantity": 1, "price_unit": 100.0, "tax_ids": [Command.clear()]}
        self.move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.partners[who].id,
                "invoice_date": issued,
                "invoice_payment_term_id": self.lives.terms[parts].id,
                "invoice_line_ids": [Command.create(line)],
            }
        )
        self.move.action_post()
        self.move.is_move_sent = True
        dues = [issued + timedelta(days=10 * number) for number in range(parts)]
        return Invoice(who, INVOICE_LEVELS, parts=[[due, 100.0 / parts] for due in dues])

    def _quote(self, who, validity):
        until = self.today + timedelta(days=25) if validity else None
        self.order = self.env["sale.order"].create(
            {
                "partner_id": self.partners[who].id,
                "order_line": [Command.create({"product_id": self.lives.product.id, "price_unit": 80.0})],
            }
        )
        self.order.validity_date = until
        self.order.with_context(tracking_disable=True).action_quotation_sent()
        return Quote(who, QUOTE_LEVELS, sent=self.today, validity=until, total=self.order.amount_total)

    # === TIME === #

    @invariant()
    def some_days_go_by(self):
        """Between two events."""
        self.pass_days(2)

    @rule(days=DAYS)
    def many_days_go_by(self, days):
        self.pass_days(days)

    def pass_days(self, days):
        """The job of each day does what the reference says, and nothing else."""
        for _day in range(days):
            self.now += timedelta(days=1)
            self.lives.clock.move_to(self.now)
            self.expected.today = self.today
            self._compare()

    def _keep_up(self):
        run = self.env["lokario.followup.run"]
        run._create_missing(self.lives.company)
        self.followups = (self.move.followup_ids | self.order.followup_ids).sudo()

    def _compare(self):
        decisions = self.followups._decide()
        wanted = self.expected.expected()
        found = {
            (
                followup._recipient().email_normalized,
                followup.kind,
                decision.level.sequence,
                round(decision.document.claim - decision.document.credit_claim, 2),
            )
            for followup, decision in decisions.items()
            if decision.send
        }
        assert found == wanted, f"{self.today}: {found} instead of {wanted}; {self._reasons(decisions)}"
        if found:
            self._send(decisions, wanted)

    def _reasons(self, decisions):
        return {followup.kind: str(decision.why) for followup, decision in decisions.items()}

    def _send(self, decisions, wanted):
        for followup, decision in decisions.items():
            followup._apply_decision(decision)
        reminders = self.env["lokario.followup.reminder"]._prepare(groups_to_send(decisions.items()))
        assert reminders._still_due() == reminders
        for reminder in reminders:
            assert reminder.mail_id.recipient_ids == reminder.partner_id
            assert reminder.partner_id.commercial_partner_id == reminder.customer_id
            assert reminder.lang == reminder.partner_id.lang
        reminders._set_state("sent")
        self.lives.written += len(reminders)
        for _address, kind, level, _amount in wanted:
            self.expected.remind(self.papers[kind][1], level)

    # === WHAT HAPPENS TO BOTH === #

    def _followup(self, kind):
        return self.papers[kind][0].followup_ids.sudo()

    @rule(kind=st.sampled_from(["invoice", "quote"]), happens=st.sampled_from(["dispute", "answer", "off"]))
    def pauses(self, kind, happens):
        """Begins, or ends when it is so already."""
        followup, paper = self._followup(kind), self.papers[kind][1]
        if happens == "dispute" and paper.disputed:
            followup.dispute_ids.filtered(lambda each: each.state == "open").action_reject()
        elif happens == "dispute":
            self.env["lokario.followup.dispute"].create({"followup_id": followup.id, "reason": "Wrong price"})
        elif happens == "answer" and paper.answer_waits:
            followup.action_answer_handled()
        elif happens == "answer" and followup.state != "done" and kind == "invoice":
            followup._reply_received()
            paper.answered_on = self.today
        elif happens == "off":
            followup.action_toggle_auto()
            paper.switched_on = not paper.switched_on
        paper.disputed = followup.disputed
        paper.answer_waits = followup.answer_pending

    @rule(days=st.integers(1, 10))
    @precondition(lambda self: self.expected.invoice.posted and self.expected.invoice.left() > 0)
    def promise(self, days):
        day = self.today + timedelta(days=days)
        self.env["lokario.followup.promise"].create({"followup_id": self._followup("invoice").id, "promised_for": day})
        self.expected.invoice.promises.append(Promise(day, self.expected.left_to_pay(self.expected.invoice)))

    @rule(kind=st.sampled_from(["invoice", "quote"]))
    def last_reminder_comes_back(self, kind):
        paper = self.papers[kind][1]
        last = self._followup(kind).step_ids.sorted(lambda step: (step.sent_at, step.id))[-1:]
        if last.state == "sent":
            last.reminder_id._set_state("failed", "550 unknown")
            paper.reminders[-1].failed = True

    # === THE INVOICE === #

    @rule(amount=st.sampled_from([20.0, 50.0, 99.5]))
    @precondition(lambda self: self.expected.invoice.posted and self.expected.invoice.left() > 0)
    def pay(self, amount):
        amount = min(amount, self.expected.invoice.left())
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.move.ids
        )
        wizard.create({"amount": amount, "payment_date": self.today})._create_payments()
        self.expected.invoice.pay(amount)

    @rule(amount=st.sampled_from([0.5, 30.0, 200.0]))
    def credit(self, amount):
        """A payment that nobody matched."""
        firm = self.move.commercial_partner_id
        values = {"payment_type": "inbound", "partner_type": "customer", "partner_id": firm.id, "amount": amount}
        self.env["account.payment"].create({**values, "date": self.today}).action_post()
        self.expected.credit[self.expected.people[self.expected.invoice.partner].firm] += amount

    @rule()
    @precondition(lambda self: not self.expected.holds_bank_money())
    def money_on_the_bank_statement(self):
        firm = self.move.commercial_partner_id
        values = {"journal_id": self.lives.bank.id, "date": self.today, "amount": 7, "payment_ref": "VIR"}
        self.env["account.bank.statement.line"].create({**values, "partner_id": firm.id})
        self.expected.bank[self.expected.people[self.expected.invoice.partner].firm] = self.today + timedelta(days=30)

    @rule(arrived=st.booleans())
    @precondition(lambda self: self.expected.invoice.posted)
    def mail_of_the_invoice(self, arrived):
        self.env["lokario.delivery"].sudo().create(
            {
                "res_model": "account.move",
                "res_id": self.move.id,
                "company_id": self.move.company_id.id,
                "message_id": f"<{self.now.timestamp()}-{self.env['lokario.delivery'].sudo().search_count([])}@life>",
                "route": "global",
                "state": "sent" if arrived else "bounced",
            }
        )
        self.expected.invoice.arrived = arrived

    @rule(who=WHO)
    @precondition(lambda self: self.expected.invoice.posted)
    def correct(self, who):
        """Reset to draft, another customer, posted and sent again. The books say what of the payments still is matched
        with it; the rest is the former customer's credit.
        """
        invoice, firm = self.expected.invoice, self.expected.people[self.expected.invoice.partner].firm
        paid = 100.0 - invoice.left()
        self.move.button_draft()
        self.followups._refresh_plan()
        self.move.partner_id = self.partners[who]
        self.move.invoice_payment_term_id = self.lives.terms[len(invoice.parts)]
        self.move.action_post()
        self.move.is_move_sent = True
        lines = self.move.line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        parts = [[line.date_maturity, line.amount_residual] for line in lines.sorted("date_maturity")]
        invoice.partner, invoice.parts = who, parts
        self.expected.credit[firm] = round(self.expected.credit[firm] + paid - 100.0 + invoice.left(), 2)

    # === THE QUOTE === #

    @rule(happens=st.sampled_from(["extend", "again", "contact"]), who=WHO)
    @precondition(lambda self: self.expected.quote.state == "sent")
    def quote_changes(self, happens, who):
        quote = self.expected.quote
        if happens == "extend":
            quote.validity = self.order.validity_date = self.today + timedelta(days=30)
        elif happens == "contact":
            quiet = self.order.with_context(tracking_disable=True)
            quiet.partner_id, quote.partner = self.partners[who], who
        else:
            quiet = self.order.with_context(tracking_disable=True)
            quiet.action_cancel()
            quiet.action_draft()
            self.followups._refresh_plan()
            quiet.action_quotation_sent()
            quote.sent = self.today

    # === THE PEOPLE AND THE COMPANY === #

    @rule(who=WHO, happens=st.sampled_from(["leaves or comes back", "new address", "language"]))
    def person_changes(self, who, happens):
        partner, person = self.partners[who], self.expected.people[who]
        if happens == "leaves or comes back" and who == "anne":
            partner.active = person.active = not person.active
        elif happens == "new address":
            partner.email = person.email = f"{who}.{self.now.timestamp():.0f}@firm.test"
        elif happens == "language":
            partner.lang = "fr_FR" if partner.lang == "en_US" else "en_US"

    @rule(days=st.integers(0, 5))
    def company_closes(self, days):
        self.expected.closed_until = self.lives.company.followup_paused_until = self.today + timedelta(days=days)
