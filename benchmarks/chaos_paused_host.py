"""SIGSTOP of a host that sends a campaign, a successor, SIGCONT: nobody gets a message twice, no quota is uncounted.

Every second host loses its database sessions meanwhile, as a virtual machine that is suspended does; the others keep
them and are taken over when their lease has run out.
"""

import contextlib
import csv
import os
import random
import signal
import time

from lokario_testing.environments import pmta

from .chaos_campaign import MESSAGE_SECONDS, _finish, _judge, _prepare, _settle, _work
from .engine_environment import engine_environment

POINTS = 40
RECIPIENTS = 400  # a pause
HOLD_SECONDS = 3  # instead of minutes
WAIT_SECONDS = 60
END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def run(points, seed):
    """The broken promises of `points` paused hosts."""
    chaos = random.Random(seed)
    recipients = RECIPIENTS * points
    with engine_environment("lokario_chaos_paused_host") as environment:
        from odoo.addons.email_engine_campaign.models import engine_campaign_chunk

        engine_campaign_chunk.HOLD_SECONDS = HOLD_SECONDS
        accounting = environment.folder / "acct.csv"
        with pmta.process(accounting, delay=MESSAGE_SECONDS) as (host, port):
            campaign_id, quota = _prepare(environment, host, port, recipients)
            for number in range(points):
                _pause(environment, campaign_id, accounting, chaos, ends_sessions=number % 2 == 0)
                if not _settle(environment, campaign_id, accounting):
                    break
            _finish(environment, campaign_id, accounting)
            return _judge(environment, campaign_id, accounting, recipients, quota, points) + _judge_counters(
                environment, accounting
            )


def _pause(environment, campaign_id, accounting, chaos, *, ends_sessions):
    paused = environment.fork(_work, environment, campaign_id, quiet=True)
    _wait_for_rows(accounting, chaos.randint(20, 100), paused)
    os.kill(paused, signal.SIGSTOP)
    if ends_sessions:
        with environment.env() as env:
            env.cr.execute(END_SESSIONS)
    successor = environment.fork(_take_over, environment, _find_running(environment, campaign_id), quiet=True)
    _wait_for_rows(accounting, chaos.randint(20, 100), successor)
    os.kill(paused, signal.SIGCONT)
    _wait_for_rows(accounting, chaos.randint(20, 100), successor)
    for pid in (paused, successor):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _find_running(environment, campaign_id):
    with environment.env() as env:
        return env["engine.campaign.chunk"].search([("campaign_id", "=", campaign_id), ("state", "=", "running")]).ids


def _take_over(environment, chunk_ids):
    """What the job runner does with the chunk of the paused host until it is sent."""
    from odoo.addons.queue_job.exception import RetryableJobError

    for chunk_id in chunk_ids:
        state = "running"
        while state in ("pending", "running"):
            with contextlib.suppress(RetryableJobError), environment.env() as env:
                env["engine.campaign.chunk"].browse(chunk_id)._job_send()
            with environment.env() as env:
                state = env["engine.campaign.chunk"].browse(chunk_id).state


def _wait_for_rows(accounting, number, pid):
    """Until the MTA has taken so many more messages, or the worker has ended."""
    wanted, deadline = _count_rows(accounting) + number, time.monotonic() + WAIT_SECONDS
    while _count_rows(accounting) < wanted and time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.01)


def _count_rows(accounting):
    return accounting.read_bytes().count(b"\nr,")


def _judge_counters(environment, accounting):
    """What the IPs' days count as sent is at least what the MTA has taken."""
    with environment.env() as env:
        counted = sum(env["engine.ip.day"].search([]).mapped("sent"))
    with accounting.open(newline="") as stream:
        taken = sum(row["type"] == "r" and not row["jobId"].startswith("trial") for row in csv.DictReader(stream))
    return [f"{taken} messages were taken, {counted} are counted"] if counted < taken else []
