"""10,000 overdue invoices of 2,500 customers: decide, build, send; killed in the middle and resumed.

The cost per mail is set against what core's own mail.mail costs in the same run.
"""

import logging
import os
import resource
import signal
import time

from lokario_cli.figures import Figure
from lokario_cli.worlds.mail import SmtpServer

from .billing_world import add_mailbox, make_ledger
from .inbox_world import PASSWORD, inbox_world

INVOICES = 10_000
CUSTOMERS = 2_500
CORE_MAILS = 500  # mails of core's own kind, to know what a mail costs without us


def run():
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    with inbox_world(driver="maildir", name="lokario_bench_followups", addons="lokario_billing,account") as world:
        with SmtpServer() as smtp:
            return [*_figures(world, smtp)]


def _figures(world, smtp):
    _prepare(world, smtp)
    yield from _decision(world)
    core = _core_mails(world, smtp)
    yield from _sending(world, smtp, core)


def _prepare(world, smtp):
    smtp.users["contact@alpha.example"] = PASSWORD  # after the start: core's mails come without a login
    world.allow(world.mail.imap_port, smtp.port)
    with world.env() as env:
        company = env.company
        company.write(
            {
                "email": "contact@alpha.example",
                "followup_enabled": True,
                "followup_days": "all",
                "followup_holidays": False,
                "followup_opens": 0,
                "followup_closes": 23.99,
                "followup_approved_at": "2026-01-01",
                "country_id": env.ref("base.fr").id,
            }
        )
        env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
        make_ledger(env, INVOICES, CUSTOMERS)
        box = add_mailbox(env, "contact@alpha.example", world.mail.imap_port, smtp.port, company)
        box.evidence_proven_at = "2026-01-01"
        env["lokario.followup"]._create_missing(company)


def _decision(world):
    """The decision on every invoice, facts read from the database, history included."""
    with world.env() as env:
        followups = env["lokario.followup"].search([("state", "!=", "done")])
        count, start = _counter(), time.perf_counter()
        groups = followups._plan_and_store()
        env.flush_all()
        seconds = time.perf_counter() - start
        queries = (_counter() - count) / len(followups)
        assert len(groups) == CUSTOMERS, len(groups)
    yield Figure(f"decision on {INVOICES} invoices", seconds, None, "ours <= 5")
    yield Figure("queries per document", queries, None, "ours <= 0.1", "queries")


def _core_mails(world, smtp):
    """What core's own mail.mail costs per mail, built and sent: (queries, milliseconds)."""
    with world.env() as env:
        env["ir.mail_server"].create(
            {
                "name": "loopback",
                "smtp_host": "127.0.0.1",
                "smtp_port": smtp.port,
                "smtp_encryption": "none",
            }
        )
        partners = env["res.partner"].search([("email", "like", "%@example.org")], limit=CORE_MAILS)
        env.cr.commit()
        count, start = _counter(), time.perf_counter()
        template = env["mail.template"].create(
            {
                "name": "Core",
                "model_id": env["ir.model"]._get_id("res.partner"),
                "subject": "Hello {{ object.name }}",
                "body_html": "<p>Hello <t t-out='object.name'/></p>",
                "email_to": "{{ object.email }}",
            }
        )
        mails = template.send_mail_batch(partners.ids)
        env.cr.commit()
        mails.send(auto_commit=True)
        return (_counter() - count) / CORE_MAILS, 1000 * (time.perf_counter() - start) / CORE_MAILS


def _sending(world, smtp, core):
    smtp.received.clear()
    _kill_in_the_middle(world, smtp)
    before, count, start = _memory(), _counter(), time.perf_counter()
    sent_before = len(_first_recipients(smtp))
    with world.env() as env:
        env["lokario.delivery"]._cron_settle()
        env["mail.mail"].process_email_queue()
    _process(world)
    sent = len(_first_recipients(smtp)) - sent_before
    queries, milliseconds = (_counter() - count) / sent, 1000 * (time.perf_counter() - start) / sent
    recipients = _first_recipients(smtp)
    yield Figure("core's own mail.mail: queries per mail", core[0], None, "ours <= 100", "queries")
    yield Figure("queries per mail above core", queries - core[0], None, "ours <= 8", "queries")
    yield Figure("per mail built and sent (core's mail.mail beside it)", milliseconds, core[1], "ours <= 100", "ms")
    yield Figure("memory of the run", _memory() - before, None, "ours <= 150", "MB")
    yield Figure(
        "sent twice after kill -9 in the middle", len(recipients) - len(set(recipients)), None, "ours <= 0", "mails"
    )
    yield Figure("customers not reached", CUSTOMERS - len(set(recipients)), None, "ours <= 0", "customers")


def _kill_in_the_middle(world, smtp):
    """Start the job in a child and kill it after some hundred mails."""
    pid = world.fork(_process, world)
    while len(smtp.received) < CUSTOMERS // 10:
        time.sleep(0.01)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the job ended by itself"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _process(world):
    with world.env() as env:
        env["lokario.followup"]._cron_process_automatic()


def _first_recipients(smtp):
    return [to[0] for _sender, to, _raw, _login in list(smtp.received) if to[0].endswith("@example.org")]


def _memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _counter():
    import odoo.sql_db

    return odoo.sql_db.sql_counter
