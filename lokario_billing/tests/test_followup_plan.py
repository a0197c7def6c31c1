"""The decision, by property: outages, clock changes, leap days and holidays never break the spacing rules."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_base.tools.send_window import SendWindow

from ..const import WHY_NOT
from ..tools.followup_plan import STOPS, Document, Level, Policy, Step, Why, decide, refusal_by_hand
from ..tools.followup_simulation import TICK, simulate
from ..tools.followup_work import proposed_start, work_of

LEVELS = (Level(1, 7), Level(2, 14), Level(3, 21))
POLICY = Policy(1, LEVELS)
WINDOW = SendWindow()
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))

# starts around a DST change in spring and autumn, a leap day, a year end, an ordinary day
STARTS = st.sampled_from(
    [date(2026, 3, 20), date(2026, 10, 16), date(2028, 2, 20), date(2027, 12, 15), date(2026, 6, 2)]
)
TIMEZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"])


def run_hourly(portfolio, window, start, days, down=(), clock_back_at=None):
    """The hourly job, tick by tick; `down` are (first day, last day) numbers without any run."""
    sent, now, end = [], start, start + timedelta(days=days)
    while now < end:
        day = (now - start).days
        clock = now - TICK if clock_back_at and now >= clock_back_at else now
        if not any(first <= day <= last for first, last in down):
            for decision in decide(portfolio, sent, window, clock):
                if decision.send:
                    document = decision.document
                    sent.append(Step(document.key, document.customer, document.cycle, decision.level.sequence, clock))
        now += TICK
    return sent


@tagged("post_install", "-at_install")
class TestFollowupProperties(BaseCase):
    @QUICK
    @given(
        start=STARTS,
        timezone=TIMEZONES,
        opens=st.integers(6, 12),
        dues=st.lists(st.integers(-40, 10), min_size=1, max_size=6),
        down=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 45)), max_size=2),
        grouped=st.booleans(),
        clock_back=st.one_of(st.none(), st.integers(0, 400)),
    )
    def test_outages_lose_skip_and_bunch_nothing(self, start, timezone, opens, dues, down, grouped, clock_back):
        window = SendWindow(timezone, time(opens), time(opens + 6), country="FR")
        policy = replace(POLICY, grouped=grouped)
        portfolio = [
            Document(key, 1, policy, "c", due=start + timedelta(days=days), amount=10) for key, days in enumerate(dues)
        ]
        begin = datetime.combine(start, time())
        down = [(first, first + length - 1) for first, length in down]
        sent = run_hourly(portfolio, window, begin, 200, down, clock_back and begin + clock_back * TICK)
        self._check_levels(portfolio, sent, window)
        self._check_customer_day(portfolio, sent, window, grouped)
        for step in sent:
            self.assertTrue(window.is_open(step.sent_at))

    def _check_levels(self, portfolio, sent, window):
        for document in portfolio:
            own = [step for step in sent if step.document == document.key]
            self.assertEqual([step.sequence for step in own], [1, 2, 3])
            days = [window.local_day(step.sent_at) for step in own]
            self.assertGreaterEqual(days[0], document.due + timedelta(days=7))
            for earlier, later in pairwise(days):
                self.assertGreaterEqual((later - earlier).days, 7)

    def _check_customer_day(self, portfolio, sent, window, grouped):
        per_day = {}
        for step in sent:
            per_day.setdefault(window.local_day(step.sent_at), set()).add(
                (step.sequence, None if grouped else step.document)
            )
        self.assertTrue(all(len(mails) == 1 for mails in per_day.values()))

    @QUICK
    @given(
        start=STARTS,
        dues=st.lists(st.integers(-60, 30), min_size=1, max_size=8),
        promised=st.lists(st.one_of(st.none(), st.integers(-5, 40)), min_size=8, max_size=8),
        grouped=st.booleans(),
    )
    def test_dry_run_is_what_the_hourly_job_does(self, start, dues, promised, grouped):
        policy = replace(POLICY, grouped=grouped)
        portfolio = [
            Document(
                key,
                key % 2,
                policy,
                str(start + timedelta(days=days)),
                due=start + timedelta(days=days),
                later=tuple(start + timedelta(days=days + 20 * part) for part in range(1, key % 3 + 1)),
                amount=10,
                promised_until=promise and start + timedelta(days=promise),
            )
            for key, (days, promise) in enumerate(zip(dues, promised, strict=False))
        ]
        begin = datetime.combine(start, time())
        forecast = simulate(portfolio, [], WINDOW, begin, 60)
        executed = run_hourly(portfolio, WINDOW, begin, 60)
        self.assertEqual(
            [(d.at, d.document.key, d.level.sequence) for d in forecast.sent],
            sorted((step.sent_at, step.document, step.sequence) for step in executed),
        )
        self.assertEqual({d.document.key for d in forecast.silent}, {d.key for d in portfolio})
        self.assertTrue(all(d.why for d in forecast.silent))


@tagged("post_install", "-at_install")
class TestFollowupReasons(BaseCase):
    NOW = datetime(2026, 6, 30, 9)  # a Tuesday

    def _decide(self, history=(), cycle="c", **facts):
        facts = {"due": date(2026, 6, 1), "amount": 100, **facts}
        policy = facts.pop("policy", POLICY)
        return decide([Document(1, 1, policy, cycle, **facts)], history, WINDOW, self.NOW)[0]

    def test_due_document_is_sent_at_the_first_level(self):
        decision = self._decide()
        self.assertTrue(decision.send)
        self.assertEqual(decision.level.sequence, 1)

    def test_an_instalment_has_its_own_reminders_once_those_before_it_are_all_sent(self):
        days = [datetime(2026, 4, 8) + timedelta(days=7 * number) for number in range(3)]
        said = [Step(1, 1, "2026-04-01", number, at) for number, at in enumerate(days, 1)]
        parts = {"cycle": "2026-04-01", "due": date(2026, 4, 1), "later": (date(2026, 6, 15), date(2026, 7, 15))}
        self.assertEqual(self._decide(said[:2], **parts).level.sequence, 3)
        decision = self._decide(said, **parts)
        self.assertEqual((decision.send, decision.document.cycle), (True, "2026-06-15"))
        self.assertEqual(decision.level.sequence, 1)
        self.assertEqual(decision.document.owed_since, date(2026, 4, 1))
        first = Step(1, 1, "2026-06-15", 1, self.NOW - timedelta(days=1))
        self.assertEqual(self._decide([*said, first], **parts).level.sequence, 2)
        waiting = self._decide(said, **{**parts, "later": (date(2026, 7, 15),)})
        self.assertEqual((waiting.why, WINDOW.local_day(waiting.at)), (Why.EXHAUSTED, date(2026, 7, 22)))

    def test_every_stop_ends_the_follow_up(self):
        for why, facts in {
            Why.PAID: {"paid": True},
            Why.IN_PAYMENT: {"in_payment": True},
            Why.REVERSED: {"reversed": True},
            Why.CANCELLED: {"cancelled": True},
            Why.SIGNED: {"signed": True},
            Why.REFUSED: {"refused": True},
            Why.EXPIRED: {"closes": date(2026, 6, 29)},
            Why.OPTED_OUT: {"opted_out": True},
            Why.ANSWERED: {"answered": True},
            Why.HANDED_OVER: {"handed_over": True},
        }.items():
            decision = self._decide(**facts)
            self.assertEqual((decision.send, decision.why, decision.at), (False, why, None))
            self.assertIn(why, STOPS)

    def test_every_hold_waits(self):
        for why, facts in {
            Why.AUTO_OFF: {"auto_enabled": False},
            Why.DISPUTED: {"disputed": True},
            Why.PROMISED: {"promised_until": date(2026, 7, 3)},
            Why.PARTLY_KEPT: {"partly_kept_until": date(2026, 7, 3)},
            Why.PLAN: {"plan_until": date(2026, 7, 3)},
            Why.DO_NOT_CONTACT: {"do_not_contact": True},
            Why.APPROVAL: {"policy": replace(POLICY, levels=(replace(LEVELS[0], approval=True),))},
            Why.ANSWER_PENDING: {"answer_pending": True},
            Why.UNRECONCILED_CREDIT: {"credit": 100},
            Why.BANK_STALE: {"bank_stale": True},
            Why.NOT_ARRIVED: {"not_arrived": True},
            Why.UNDELIVERED: {"undelivered": True},
            Why.PAYMENT_PENDING: {"payment_until": date(2026, 6, 30)},
            Why.DIRECT_DEBIT: {"debit_until": date(2026, 6, 30)},
            Why.BANK_MONEY: {"bank_money_until": date(2026, 6, 30)},
            Why.BANK_SUM: {"bank_sum_until": date(2026, 6, 30)},
            Why.OTHER_FOLLOWUP: {"other_followup": True},
            Why.IN_FLIGHT: {"in_flight": True},
            Why.BELOW_MINIMUM: {"policy": replace(POLICY, minimum_amount=100.01)},
            Why.BELOW_MINIMUM: {"policy": replace(POLICY, tolerance=100.0)},
            Why.SWITCHED_OFF: {"policy": replace(POLICY, enabled=False)},
            Why.NOT_APPROVED: {"policy": replace(POLICY, approved=False)},
            Why.COMPANY_PAUSED: {"policy": replace(POLICY, paused_until=date(2026, 7, 1))},
        }.items():
            decision = self._decide(**facts)
            self.assertEqual((decision.send, decision.why, decision.level.sequence), (False, why, 1))
            self.assertNotIn(why, STOPS)

    def test_a_credit_stops_only_what_it_covers(self):
        policy = replace(POLICY, minimum_amount=30)
        self.assertTrue(self._decide(credit=70, policy=policy).send)
        self.assertEqual(self._decide(credit=71, policy=policy).why, Why.UNRECONCILED_CREDIT)
        self.assertEqual(self._decide(amount=29, policy=policy).why, Why.BELOW_MINIMUM)
        self.assertEqual(Document(1, 1, POLICY, "c", amount=200, claim=100, credit=50).credit_claim, 25)

    def test_a_broken_promise_moves_the_next_reminder_one_level_up(self):
        monday = date(2026, 6, 29)
        self.assertEqual(self._decide(broken_on=monday).level.sequence, 2)
        history = [Step(1, 1, "c", 1, datetime(2026, 6, 20, 9))]
        decision = self._decide(history, broken_on=monday)
        self.assertEqual((decision.send, decision.level.sequence), (True, 3))
        self.assertEqual(self._decide([*history, Step(1, 1, "c", 2, datetime(2026, 6, 21, 9))]).level.sequence, 3)
        recent = [Step(1, 1, "c", 1, datetime(2026, 6, 29, 9))]
        self.assertEqual(self._decide(recent, broken_on=monday, policy=replace(POLICY, spacing_days=5)).at.day, 6)

    def test_the_recipients_night_and_holidays_count(self):
        national_day = date(2026, 10, 26)  # of Austria
        self.assertFalse(replace(WINDOW, recipient_country="AT").is_working_day(national_day))
        self.assertTrue(WINDOW.is_working_day(national_day))
        new_york = replace(WINDOW, recipient_timezone="America/New_York")
        self.assertFalse(new_york.is_open(datetime(2026, 6, 30, 9)))  # 5 in the morning there
        self.assertEqual(new_york.next_open(datetime(2026, 6, 30, 6)), datetime(2026, 6, 30, 11))
        self.assertEqual(new_york.opening(date(2026, 6, 30)), datetime(2026, 6, 30, 11))
        honolulu = replace(WINDOW, closes=time(12), recipient_timezone="Pacific/Honolulu")
        self.assertTrue(honolulu.is_open(datetime(2026, 6, 30, 9)))  # no hour in common: the company's hold

    def test_the_labels_are_those_of_the_reasons(self):
        self.assertEqual(set(dict(WHY_NOT)), set(Why))

    def test_what_ends_automatically_ends(self):
        yesterday = date(2026, 6, 29)
        holding = ("promised_until", "partly_kept_until", "plan_until", "payment_until")
        for name in (*holding, "bank_money_until", "bank_sum_until"):
            self.assertTrue(self._decide(**{name: yesterday}).send, name)

    def test_a_person_may_send_what_only_a_sum_holds(self):
        today = date(2026, 6, 30)
        for name, refusal in (("bank_sum_until", None), ("bank_money_until", Why.BANK_MONEY)):
            document = self._decide(**{name: today}).document
            self.assertEqual(refusal_by_hand(document, [], today), refusal, name)

    def test_an_old_document_begins_later(self):
        """The levels before its first one are not sent; counted from a day, it waits as if it had fallen due then."""
        self.assertEqual(self._decide(first_level=2).level.sequence, 2)
        decision = self._decide(start_on=date(2026, 6, 29))
        self.assertEqual((decision.why, decision.at.date()), (Why.NOT_REACHED, date(2026, 7, 6)))
        self.assertEqual([proposed_start(days) for days in (30, 31, 365, 366)], ["usual", "today", "today", "skip"])

    def test_an_approval_is_of_this_level_of_this_claim(self):
        policy = replace(POLICY, levels=(replace(LEVELS[0], approval=True), replace(LEVELS[1], approval=True)))
        self.assertTrue(self._decide(policy=policy, approved="c/1").send)
        for other in ("c/2", "d/1", ""):
            self.assertEqual(self._decide(policy=policy, approved=other).why, Why.APPROVAL, other)

    def test_without_a_phone_there_is_no_sms(self):
        levels = (Level(1, 7, channel="sms"), Level(2, 14))
        self.assertEqual(self._decide(policy=replace(POLICY, levels=levels)).level.sequence, 1)
        self.assertEqual(self._decide(policy=replace(POLICY, levels=levels), no_phone=True).level.sequence, 2)

    def test_what_a_person_has_to_do(self):
        today, due = date(2026, 6, 30), date(2026, 6, 1)
        for work, facts in {
            "answer": {"answer_pending": True},
            "dispute": {"disputed": True},
            "address": {"undelivered": True},
            "send": {"not_arrived": True},
            "match": {"credit": 100},
            "call": {"in_flight": True, "waiting_channel": "call"},
            "letter": {"in_flight": True, "waiting_channel": "registered"},
            "promise": {"promise_broken": True},
            "": {},
        }.items():
            self.assertEqual(work_of(self._decide(due=due, **facts), today), work, facts)
        done = [Step(1, 1, "c", sequence, datetime(2026, 6, sequence, 9)) for sequence in (1, 2, 3)]
        self.assertEqual(work_of(self._decide(done, due=due, last_on=date(2026, 6, 3)), today), "handover")
        self.assertEqual(work_of(self._decide(done, due=due, last_on=today), today), "")
        self.assertEqual(work_of(self._decide(done, due=due, waiting_channel="letter"), today), "letter")
        self.assertEqual(work_of(self._decide(not_arrived=True, due=today), today), "")
        self.assertEqual(work_of(self._decide(paid=True, due=due, answer_pending=True), today), "")

    def test_without_an_address_letters_and_calls_still_happen(self):
        self.assertEqual(self._decide(no_recipient=True).why, Why.NO_RECIPIENT)
        levels = (Level(1, 7), Level(2, 14, channel="letter"), Level(3, 21), Level(4, 28, channel="call"))
        policy = replace(POLICY, levels=levels, max_reminders=4)
        decision = self._decide(no_recipient=True, policy=policy)
        self.assertEqual((decision.send, decision.level.sequence), (True, 2))
        done = [Step(1, 1, "c", sequence, datetime(2026, 6, 8 + sequence, 9)) for sequence in (2, 4)]
        self.assertEqual(self._decide(done, no_recipient=True, policy=policy).why, Why.EXHAUSTED)

    def test_two_recipients_of_one_customer_are_written_to_on_the_same_day(self):
        portfolio = [Document(key, 1, POLICY, "c", recipient=key, due=date(2026, 6, 1), amount=9) for key in (1, 2)]
        self.assertTrue(all(decision.send for decision in decide(portfolio, (), WINDOW, self.NOW)))
        history = [Step(1, 1, "c", 1, datetime(2026, 6, 30, 8), recipient=2)]  # sent to the one asked now
        waiting = decide(portfolio[1:], history, WINDOW, self.NOW)[0]
        self.assertEqual(waiting.why, Why.CUSTOMER_DAY)

    def test_after_an_answer_the_customer_gets_the_usual_time(self):
        policy = replace(POLICY, stop_on_answer=False, spacing_days=5)
        decision = self._decide(answer=date(2026, 6, 29), answered=True, policy=policy)
        self.assertEqual((decision.why, decision.at.date()), (Why.NOT_REACHED, date(2026, 7, 6)))  # the 4th: Saturday

    def test_promise_kept_open_until_the_next_working_day(self):
        decision = self._decide(promised_until=date(2026, 7, 3))  # a Friday
        self.assertEqual(decision.at, datetime(2026, 7, 6, 6))

    def test_a_closed_window_says_when(self):
        late = decide([Document(1, 1, POLICY, "c", due=date(2026, 6, 1))], (), WINDOW, datetime(2026, 7, 13, 20))[0]
        self.assertEqual((late.why, late.at), (Why.WINDOW, datetime(2026, 7, 15, 6)))  # 14 July is a holiday

    def test_exhausted_after_the_last_level_and_at_most_three(self):
        history = [Step(1, 1, "c", n, datetime(2026, 6, n, 9)) for n in (1, 2, 3)]
        self.assertEqual(self._decide(history).why, Why.EXHAUSTED)
        policy = replace(POLICY, levels=(*LEVELS, Level(4, 28)))
        self.assertEqual(self._decide(history, policy=policy).why, Why.EXHAUSTED)

    def test_a_new_instalment_starts_again_but_keeps_the_distance(self):
        history = [Step(1, 1, "c", 3, datetime(2026, 6, 29, 9))]
        decision = self._decide(history, cycle="next", policy=replace(POLICY, spacing_days=5))
        self.assertEqual((decision.level.sequence, decision.at), (1, datetime(2026, 7, 6, 6)))

    def test_a_quote_without_expiry_skips_the_level_before_expiry(self):
        policy = replace(POLICY, levels=(Level(1, 7, "sent"), Level(2, -3, "expiry"), Level(3, 21, "sent")))
        history = [Step(1, 1, "c", 1, datetime(2026, 6, 10, 9))]
        self.assertEqual(self._decide(history, sent=date(2026, 6, 1), due=None, policy=policy).level.sequence, 3)
