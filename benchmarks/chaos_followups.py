"""Random interleavings of what customers and bookkeepers do with the sender of reminders.

An event that is committed before the last locked look must keep the reminder back; one that is being written at that
moment must, too. After the mail has left, nothing can call it back.
"""

import contextlib
import logging
import random
from datetime import date, timedelta

from lokario_testing.environments.mail import SmtpServer

from .billing_environment import prepare_followups
from .inbox_environment import inbox_environment

POINTS = 2000
MOMENTS = ("before planning", "after building", "while looking", "after sending")


def run(points: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    for name in ("mail.log", "imapclient"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with inbox_environment(
        driver="maildir", name="lokario_chaos_followups", addons="lokario_billing_inbox"
    ) as environment:
        with SmtpServer() as smtp:
            ids = prepare_followups(environment, smtp, points, points)
            return [broken for followup_id in ids if (broken := _point(environment, smtp, followup_id, rng))]


def _point(environment, smtp, followup_id, rng):
    moment, event = rng.choice(MOMENTS), rng.choice(EVENTS)
    smtp.received.clear()
    if moment == "before planning":
        _commit_event(environment, event, followup_id)
    with environment.env() as env:
        followup = env["lokario.followup"].browse(followup_id)
        groups = followup._plan_and_store()
        mail_ids = env["lokario.followup.reminder"]._prepare(groups).mail_id.ids
    if moment == "after building":
        _commit_event(environment, event, followup_id)
    with _open_event(environment, event, followup_id) if moment == "while looking" else contextlib.nullcontext():
        with environment.env() as env:
            env["mail.mail"].browse(mail_ids).send()
    if moment == "after sending":
        _commit_event(environment, event, followup_id)
    wanted = 1 if moment == "after sending" else 0
    count = sum("@example.org" in recipients[0] for _sender, recipients, _raw, _login in smtp.received)
    return None if count == wanted else f"{event.__name__} {moment}: {count} mails instead of {wanted}"


def _commit_event(environment, event, followup_id):
    with environment.env() as env:
        event(env["lokario.followup"].browse(followup_id))


@contextlib.contextmanager
def _open_event(environment, event, followup_id):
    """The event is written but not committed while the sender looks."""
    with environment.env() as env:
        event(env["lokario.followup"].browse(followup_id))
        env.flush_all()
        yield


def payment(followup):
    wizard = followup.env["account.payment.register"].with_context(
        active_model="account.move", active_ids=followup.move_id.ids
    )
    wizard.create({})._create_payments()


def credit_note(followup):
    reversal = followup.move_id._reverse_moves([{"invoice_date": date.today()}], cancel=True)
    assert reversal.state == "posted"


def block(followup):
    followup.move_id.action_toggle_block_payment()


def promise(followup):
    followup.env["lokario.followup.promise"].create(
        {"followup_id": followup.id, "promised_for": date.today() + timedelta(days=9)}
    )


def dispute(followup):
    followup.env["lokario.followup.dispute"].create({"followup_id": followup.id, "reason": "Wrong price"})


def answer(followup):
    followup._reply_received()


def switched_off(followup):
    followup.auto_enabled = False


EVENTS = (payment, credit_note, block, promise, dispute, answer, switched_off)
