"""10,000 overdue invoices of 2,500 customers: decide, build, send; killed in the middle and resumed.

The cost per mail is set against that of core's own mail.mail and of OCA's account_credit_control, in the same run.
"""

import logging
import os
import signal
import time
from pathlib import Path

from lokario_testing.environments.mail import SmtpServer
from lokario_testing.results import Result

from .billing_environment import prepare_followups
from .inbox_environment import inbox_environment
from .peer_credit_control import measure_peer

INVOICES = 10_000
CUSTOMERS = 2_500
CORE_MAILS = 500  # mails of core's own kind, to know what a mail costs without us


def run():
    peer = measure_peer()
    with inbox_environment(
        driver="maildir", name="lokario_bench_followups", addons="lokario_billing_inbox,account"
    ) as environment:
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        with SmtpServer() as smtp:
            prepare_followups(environment, smtp, INVOICES, CUSTOMERS)
            return [*_decision(environment, peer), *_sending(environment, smtp, peer)]


def _decision(environment, peer):
    """The decision on every invoice, facts read from the database, history included."""
    with environment.env() as env:
        followups = env["lokario.followup"].search([("state", "!=", "done")])
        count, start = _queries(), time.perf_counter()
        groups = followups._plan_and_store()
        env.cr.commit()
        seconds = time.perf_counter() - start
        queries = (_queries() - count) / len(followups)
        assert len(groups) == CUSTOMERS, len(groups)
    yield Result(f"decision on {INVOICES} invoices", seconds, None, "ours <= 5")
    yield Result("decision: queries per document (OCA: per line)", queries, peer["decision"], "ours <= 0.1", "queries")


def _sending(environment, smtp, peer):
    core = environment.fork_and_report(lambda report: _core_mails(environment, smtp, report))
    smtp.received.clear()
    _kill_in_the_middle(environment, smtp)
    ours = environment.fork_and_report(lambda report: _resumed(environment, report))
    recipients = [to[0] for _sender, to, _raw, _login in smtp.received if to[0].endswith("@example.org")]
    reached = len(set(recipients))
    yield Result("core's own mail.mail: queries per mail", core["queries"], None, "ours <= 100", "queries")
    yield Result("built and sent: queries per mail", ours["queries"], peer["queries"], "ratio <= 1", "queries")
    yield Result("queries per mail above core", ours["queries"] - core["queries"], None, "ours <= 8", "queries")
    yield Result("per mail built and sent, beside core's mail.mail", ours["ms"], core["ms"], "ours <= 60", "ms")
    yield Result("per mail built and sent, beside OCA", ours["ms"], peer["ms"], "ratio <= 1", "ms")
    yield Result("memory of the run", ours["megabytes"], peer["megabytes"], "ours <= 150", "MB")
    yield Result("sent twice after kill -9 in the middle", len(recipients) - reached, None, "ours <= 0", "mails")
    yield Result("customers not reached", CUSTOMERS - reached, None, "ours <= 0", "customers")


def _core_mails(environment, smtp, report):
    """What core's own mail.mail costs per mail, built and sent."""
    with environment.env() as env:
        server = {"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_encryption": "none"}
        env["ir.mail_server"].create({"name": "loopback", **server})
        partners = env["res.partner"].search([("email", "like", "%@example.org")], limit=CORE_MAILS)
        template = env["mail.template"].create(
            {
                "name": "Core",
                "model_id": env["ir.model"]._get_id("res.partner"),
                "subject": "Hello {{ object.name }}",
                "body_html": "<p>Hello <t t-out='object.name'/></p>",
                "email_to": "{{ object.email }}",
            }
        )
        env.cr.commit()
        with Cost(report) as cost:
            mails = template.send_mail_batch(partners.ids)
            env.cr.commit()
            mails.send(auto_commit=True)
            cost.mails = len(mails)


def _resumed(environment, report):
    """What the ordinary jobs do after the worker was killed."""
    with environment.env() as env:
        sent = [("state", "=", "sent")]
        before = env["lokario.delivery"].search_count(sent)
        with Cost(report) as cost:
            env["mailbox.dispatcher"]._run()
            env["mail.mail"].process_email_queue()
            env["lokario.followup"]._cron_process_automatic()
            cost.mails = env["lokario.delivery"].search_count(sent) - before


def _kill_in_the_middle(environment, smtp):
    """Start the job in a child and kill it after some hundred mails."""

    def work():
        with environment.env() as env:
            env["lokario.followup"]._cron_process_automatic()

    pid = environment.fork(work)
    while len(smtp.received) < CUSTOMERS // 10:
        time.sleep(0.01)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the job ended by itself"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Cost:
    """Measures a block in this process into `report`: queries and ms per mail, MB above what it began with.

    The memory is the high-water mark of resident pages that the kernel keeps, shared ones included.
    """

    def __init__(self, report):
        self._report, self.mails = report, 0

    def __enter__(self):
        Path("/proc/self/clear_refs").write_text("5")  # the mark starts again from what is resident now
        self._memory, self._count, self._start = _high_water(), _queries(), time.perf_counter()
        return self

    def __exit__(self, *_exc):
        self._report["queries"] = (_queries() - self._count) / self.mails
        self._report["ms"] = 1000 * (time.perf_counter() - self._start) / self.mails
        self._report["megabytes"] = _high_water() - self._memory


def _high_water():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _queries():
    import odoo.sql_db

    return odoo.sql_db.sql_counter
