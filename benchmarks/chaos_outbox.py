"""Workers killed while they send, against an SMTP server that is slow, drops, doubles and refuses: every mail is
delivered once and filed once in Sent; what stays uncertain is shown.

One point: a mail is queued; a forked worker (registry loaded) runs the crons and is killed at a random moment. Half of
the mailboxes belong to a provider that files Sent copies itself. Between the points time is moved on, not waited for,
except for the grace in which a server may still file what it took.
"""

import contextlib
import logging
import os
import random
import signal
import time
from collections import Counter

from imapclient import IMAPClient

from lokario_cli.console import say
from lokario_testing.environments.smtp_sink import SmtpSink

from .inbox_environment import PASSWORD, inbox_environment

POINTS = 300
BOXES = 10
BATCH = 30  # points between two rounds of recovery
LONGEST = 0.9  # seconds that sending and filing one mail takes
GRACE = 2  # seconds; the sink files what it took within SLOWNESS
SLOWNESS = 0.25
ROUNDS = 14
UNCERTAIN_SHARE = 0.01
WEIGHTS = {
    "none": 40,
    "slow": 20,
    "drop_after": 12,
    "double": 10,
    "drop_data": 6,
    "drop_mail": 4,
    "busy": 4,
    "greylist": 4,
}


def run(points, seed):
    logging.getLogger("odoo").setLevel(logging.CRITICAL)  # the faults are ours, their traces say nothing
    addresses = [f"box{number}@alpha.example" for number in range(BOXES)]
    with inbox_environment(driver="maildir", name="lokario_chaos_outbox") as environment:
        sink = SmtpSink(
            environment.mail.folder / "journal",
            deliver=environment.mail.deliver,
            mailboxes=frozenset(addresses),
            filing=frozenset(addresses[::2]),
            slowness=SLOWNESS,
            seed=seed,
        )
        with sink:
            return _Chaos(environment, sink, addresses, random.Random(seed)).run(points)


class _Chaos:
    def __init__(self, environment, sink, addresses, dice):
        self.environment, self.sink, self.addresses, self.dice = environment, sink, addresses, dice
        self.mails = []  # (id, recipient)

    def run(self, points):
        self._prepare()
        self.sink.choose = lambda rng: rng.choices(list(WEIGHTS), WEIGHTS.values())[0]
        for number in range(points):
            self._point(number)
            if number % BATCH == BATCH - 1 or number == points - 1:
                self._recover()
        return self._judge()

    def _prepare(self):
        """Mailboxes that have each sent one mail, as after “Test connection”: they have shown a sent mail."""
        self.environment.allow(self.environment.mail.imap_port, self.sink.port)
        with self.environment.env() as env:
            parameters = env["ir.config_parameter"]
            parameters.set_param("lokario_mailbox.evidence_grace", str(GRACE))
            parameters.set_param("lokario_mailbox.sent_copy_wait", "2")
            env.company.inbox_undo_seconds = 0
            self.boxes = [
                self.environment.add_box(
                    env, address, smtp_host="127.0.0.1", smtp_port=self.sink.port, smtp_security="none"
                ).id
                for address in self.addresses
            ]
        for address in self.addresses:
            with self._imap(address):
                pass  # Dovecot makes the folders at the first login
        for box in self.boxes:
            self._queue(box, "warmup@client.example")
        for __ in range(4):
            self._work()
            time.sleep(1)
            self._move_time()
        self.mails.clear()
        with self.environment.env() as env:
            kinds = Counter(env["inbox.integration"].browse(self.boxes).mapped("sent_filing"))
            say(f"  mailboxes learned: {dict(kinds)}")

    def _point(self, number):
        self._queue(self.dice.choice(self.boxes), f"p{number}@client.example")
        pid = self.environment.fork(self._work, quiet=True)
        time.sleep(self.dice.uniform(0, LONGEST))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._move_time()

    def _queue(self, box, recipient):
        with self.environment.env() as env:
            mail = env["inbox.outgoing"].create(
                {"integration_id": box, "email_to": recipient, "subject": recipient, "body_html": "<p>Bonjour</p>"}
            )
            mail.action_send()
            self.mails.append((mail.id, recipient))

    def _work(self):
        for model, cron in (("mailbox.dispatcher", "_run"), ("inbox.sent.copy", "_cron_file")):
            with self.environment.env() as env:
                getattr(env[model], cron)()

    def _move_time(self):
        """Everything that waits for a later moment is due now; the grace is real time."""
        with self.environment.env() as env:
            env.cr.execute(
                "UPDATE mailbox_outgoing SET send_at = now() AT TIME ZONE 'UTC' "
                "WHERE state IN ('queued', 'waiting', 'verifying')"
            )
            env.cr.execute("UPDATE inbox_sent_copy SET next_check_at = now() AT TIME ZONE 'UTC'")
            env.cr.execute("UPDATE inbox_integrations SET sending_hold_until = NULL")

    def _recover(self):
        """Healthy workers until nothing is open; the server calms down half-way."""
        choose = self.sink.choose
        for number in range(ROUNDS):
            if number == ROUNDS // 2:
                self.sink.choose = lambda rng: "none"
            self._move_time()
            self._work()
            with self.environment.env() as env:
                open_mails = env["mailbox.outgoing"].search_count(
                    [("state", "in", ("queued", "waiting", "sending", "verifying"))]
                )
                copies = env["inbox.sent.copy"].search_count(
                    ["|", ("state", "=", "pending"), ("has_self_copy", "=", True)]
                )
            if not open_mails and not copies:
                break
            time.sleep(GRACE / 2)
        self.sink.choose = choose

    def _judge(self):
        delivered = Counter((item.recipient, item.message_id) for item in self.sink.deliveries())
        filed, left = self._folders()
        with self.environment.env() as env:
            rows = (
                env["inbox.outgoing"]
                .browse([mail for mail, __ in self.mails])
                .read(["state", "message_id_header", "email_to", "attempts"])
            )
        states, broken = Counter(row["state"] for row in rows), []
        for row in rows:
            times = sum(count for (address, __), count in delivered.items() if address == row["email_to"])
            copies = filed[row["message_id_header"]]
            wanted = {"sent": (1, 1)}.get(row["state"])
            if row["state"] not in ("sent", "uncertain"):
                broken.append(f"{row['email_to']}: still {row['state']} after {row['attempts']} attempts")
            elif times > 1:
                broken.append(f"{row['email_to']}: delivered {times} times")
            elif wanted and (times, copies) != wanted:
                broken.append(f"{row['email_to']}: delivered {times} times, {copies} copies in Sent")
        if states["uncertain"] > UNCERTAIN_SHARE * len(rows):
            broken.append(f"{states['uncertain']} of {len(rows)} mails stay uncertain")
        if left:
            broken.append(f"{left} Bcc self-copies were not removed")
        say(f"  {dict(states)}; {sum(row['attempts'] > 1 for row in rows)} needed several attempts")
        return broken

    def _folders(self):
        """Return how often each Message-ID lies in Sent, and how many mails are left in the inboxes."""
        filed, left = Counter(), 0
        for address in self.addresses:
            with self._imap(address) as client:
                client.select_folder("Sent", readonly=True)
                found = client.fetch(client.search(), ["ENVELOPE"])
                filed.update(item[b"ENVELOPE"].message_id.decode() for item in found.values())
                left += client.select_folder("INBOX", readonly=True)[b"EXISTS"]
        return filed, left

    def _imap(self, address):
        client = IMAPClient("127.0.0.1", self.environment.mail.imap_port, ssl=False)
        client.login(address, PASSWORD)
        return client
