"""kill -9 on the workers that send business mail: every mail is delivered once, none is lost, few stay unclear.

Each point: mails are queued in five companies, two forked workers send them through a slow, dropping, doubling SMTP
server and are killed at a random instant; then the ordinary jobs reconcile what is left with the mailboxes.
"""

import collections
import contextlib
import logging
import os
import random
import signal
import time

from lokario_cli.console import say
from lokario_testing.environments.smtp_sink import FAULTS, SmtpSink

from .billing_environment import CUSTOMER, add_company, add_mailbox, queue_mails
from .inbox_environment import PASSWORD, inbox_environment

POINTS = 300
COMPANIES = 5
MAILS = 2  # per company and point
WORKERS = 2
LONGEST_LIFE = 0.9  # seconds before a worker is killed
ROUNDS = 60  # of the settling jobs, at most
WEIGHTS = {"none": 8, "slow": 3}  # the other faults weigh 1


def run(points: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    logging.getLogger("imapclient").setLevel(logging.WARNING)
    with inbox_environment(
        driver="maildir", name="lokario_chaos_delivery", addons="lokario_billing_inbox"
    ) as environment:
        with _sink(environment, seed) as sink:
            companies = _prepare(environment, sink)
            broken, uncertain, total = [], 0, 0
            for point in range(points):
                ids = _queue(environment, companies)
                _kill_workers(environment, ids, rng)
                _settle(environment, ids)
                found, unclear = _check(environment, sink, ids, point)
                broken += found
                uncertain += unclear
                total += len(ids)
                if point % 20 == 19:
                    say(f"  {point + 1} points: {total} mails, {len(broken)} broken promises, {uncertain} uncertain")
            say(f"  {total} mails, {uncertain} uncertain ({100 * uncertain / total:.2f} %)")
            if uncertain > total / 100:
                broken.append(f"{uncertain} of {total} mails stay uncertain")
            return broken


@contextlib.contextmanager
def _sink(environment, seed):
    faults = [fault for fault in FAULTS for _times in range(WEIGHTS.get(fault, 1))]
    addresses = [f"contact@alpha{number}.example" for number in range(COMPANIES)]
    journal = environment.mail.folder / "journal"
    with SmtpSink(
        journal,
        choose=lambda dice: dice.choice(faults),
        deliver=environment.mail.deliver,
        mailboxes=frozenset(addresses),
        filing=frozenset(addresses[: COMPANIES // 2]),
        slowness=0.1,
        seed=seed,
    ) as sink:
        yield sink


def _prepare(environment, sink):
    environment.allow(environment.mail.imap_port, sink.port)
    with environment.env() as env:
        env["ir.config_parameter"].set_param("lokario_mailbox.evidence_grace", "1")
        for number in range(COMPANIES):
            address = f"contact@alpha{number}.example"
            environment.mail.add_user(address, PASSWORD)
            for folder in ("INBOX", "Sent"):
                environment.mail.deliver(address, b"Subject: first\r\n\r\n", folder)
            company = add_company(env, f"alpha{number}")
            box = add_mailbox(
                env,
                address,
                environment.mail.imap_port,
                sink.port,
                company,
                sent_filing="provider" if number < COMPANIES // 2 else "append",
            )
            box.sent_mail_seen_at = "2026-01-01"
        return env["res.company"].search([("name", "like", "alpha%")]).ids


def _queue(environment, company_ids):
    with environment.env() as env:
        mails = env["mail.mail"]
        for company in env["res.company"].browse(company_ids):
            mails |= queue_mails(env, company, MAILS)
        return mails.ids


def _kill_workers(environment, ids, rng):
    """Fork the workers with the registry loaded, and kill each of them at its own instant."""
    lives = {environment.fork(_send, environment, ids): rng.uniform(0.02, LONGEST_LIFE) for _number in range(WORKERS)}
    start = time.monotonic()
    for pid, life in sorted(lives.items(), key=lambda worker: worker[1]):
        time.sleep(max(0, start + life - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _send(environment, ids):
    with environment.env() as env:
        env["mail.mail"].browse(ids).send()


def _settle(environment, ids):
    """What the crons do in the hours after, without the waiting: every due time is now."""
    for _round in range(ROUNDS):
        with environment.env() as env:
            _make_due(env, ids)
            env["mailbox.dispatcher"]._run()
            env["mail.mail"].process_email_queue(email_ids=ids)
            states = env["lokario.delivery"].search([("mail_id", "in", ids)]).mapped("state")
            if len(states) == len(ids) and set(states) <= {"sent", "failed"}:
                return
        time.sleep(0.05)


def _make_due(env, ids):
    env["mail.mail"].browse(ids).filtered(lambda mail: mail.state == "outgoing").scheduled_date = False
    waiting = ("queued", "waiting", "verifying")
    env["mailbox.outgoing"].search([("state", "in", waiting)]).send_at = "2026-01-01"
    env["mailbox.health"]._release_hold(env["inbox.integration"].search([("sending_hold_until", "!=", False)]))
    env.cr.commit()


def _check(environment, sink, ids, point):
    """Return (broken promises, number of uncertain mails) of these mails, by the server's own journal."""
    arrived = collections.Counter(
        delivery.message_id for delivery in sink.deliveries() if delivery.recipient == CUSTOMER
    )
    broken, uncertain = [], 0
    with environment.env() as env:
        for mail in env["mail.mail"].browse(ids):
            state = env["lokario.delivery"].search([("mail_id", "=", mail.id)]).state
            count = arrived[mail.message_id]
            if count > 1:
                broken.append(f"point {point}: mail {mail.id} arrived {count} times")
            elif state == "sent" and not count:
                broken.append(f"point {point}: mail {mail.id} says sent and never arrived")
            elif state == "uncertain":
                uncertain += 1
            elif state != "sent":
                broken.append(f"point {point}: mail {mail.id} is {state}: lost")
    return broken, uncertain
