"""kill -9 of the workers of a campaign at random points: every recipient gets the message exactly once.

Two workers send a campaign through a stand-in MTA that writes receipt and delivery rows. They are killed
at random moments and started again; what is in doubt is settled from the MTA's rows alone.
"""

import contextlib
import csv
import os
import random
import signal
import time
from collections import Counter

from lokario_cli.console import say
from lokario_testing.environments import pmta

from .engine_environment import engine_environment

POINTS = 200
WORKERS = 2
MESSAGE_SECONDS = 0.004  # of the MTA, so that a campaign lasts for all the kills
MAX_ROUNDS = 60


def run(points, seed):
    """The broken promises: messages lost or doubled, quotas exceeded, doubts left."""
    chaos = random.Random(seed)
    recipients = max(500, points * 50)
    with engine_environment("lokario_chaos_campaign") as environment:
        accounting = environment.folder / "acct.csv"
        with pmta.process(accounting, delay=MESSAGE_SECONDS) as (host, port):
            campaign_id, quota = _prepare(environment, host, port, recipients)
            kills = _kill_workers(environment, campaign_id, accounting, points, chaos)
            _finish(environment, campaign_id, accounting)
            return _judge(environment, campaign_id, accounting, recipients, quota, kills)


def _prepare(environment, host, port, recipients):
    quota = recipients * 6 // 10
    with environment.env() as env:
        tenant = environment.create_tenant(
            env, "chaos", ips=2, quota=quota, delivery_host=host, delivery_port=port, settle_seconds=2
        )
        template = env["engine.template"].create(
            {"name": "T", "tenant_id": tenant.id, "subject": "Hi {{ first_name }}", "html": "<p>{{ first_name }}</p>"}
        )
        rows = "email,first_name\n" + "".join(f"p{number}@x.test,N{number}\n" for number in range(recipients))
        env["engine.contact.ingest"]._ingest(tenant, rows.encode(), "text/csv", lists=["All"])
        campaign = env["engine.campaign"].create(
            {
                "name": "Chaos",
                "tenant_id": tenant.id,
                "template_id": template.id,
                "list_ids": env["engine.contact.list"].search([]).ids,
            }
        )
        campaign._send()
        campaign_id = campaign.id
    with environment.env() as env:
        env["engine.campaign"].browse(campaign_id)._job_prepare()
    return campaign_id, quota


def _work(environment, campaign_id):
    """What the job runner does: one queued chunk after the other, until none is left."""
    from odoo.addons.queue_job.exception import RetryableJobError

    while True:
        with environment.env() as env:
            chunks = env["engine.campaign.chunk"].search(
                [("campaign_id", "=", campaign_id), ("state", "in", ("pending", "running"))]
            )
            ids = chunks.ids
        if not ids:
            return
        random.shuffle(ids)
        for chunk_id in ids:
            with contextlib.suppress(RetryableJobError), environment.env() as env:
                env["engine.campaign.chunk"].browse(chunk_id)._job_send()


def _kill_workers(environment, campaign_id, accounting, points, chaos):
    workers, kills = [], 0
    while kills < points:
        while len(workers) < WORKERS:
            workers.append(environment.fork(_work, environment, campaign_id))
        time.sleep(chaos.uniform(0.05, 0.5))
        victim = workers.pop(chaos.randrange(len(workers)))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        kills += 1
        workers = [pid for pid in workers if os.waitpid(pid, os.WNOHANG) == (0, 0)]
        if kills % 20 == 0:
            left = _settle(environment, campaign_id, accounting)
            say(f"  {kills} kills, {left} recipients left")
            if not left:
                break
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return kills


def _settle(environment, campaign_id, accounting):
    """What the accounting pipe and the crons do; returns how many are not settled."""
    with environment.env() as env:
        campaign = env["engine.campaign"].browse(campaign_id)
        with accounting.open("rb") as stream:
            env["engine.event.ingest"]._ingest(campaign.tenant_id, stream)
    with environment.env() as env:
        campaign = env["engine.campaign"].browse(campaign_id)
        env["engine.transport.powermta"]._reconcile(campaign.tenant_id)
    with environment.env() as env:
        campaign = env["engine.campaign"].browse(campaign_id)
        campaign._continue()
        return campaign.waiting_count + campaign.unknown_count


def _finish(environment, campaign_id, accounting):
    for _round in range(MAX_ROUNDS):
        pid = environment.fork(_work, environment, campaign_id)
        os.waitpid(pid, 0)
        # A later receipt is what proves that an older message never arrived: any mail gives one.
        with environment.env() as env:
            campaign = env["engine.campaign"].browse(campaign_id)
            ip = campaign.tenant_id.ip_ids[:1]
            env["engine.campaign.trial"]._job_send(campaign, ["probe@x.test"], {}, ip, [])
        if not _settle(environment, campaign_id, accounting):
            break
        time.sleep(0.5)
    with environment.env() as env:
        env["engine.transport.powermta"]._after_chunk(env["engine.campaign"].browse(campaign_id))


def _judge(environment, campaign_id, accounting, recipients, quota, kills):
    with accounting.open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["type"] == "r" and row["jobId"].startswith("t")]
    rows = [row for row in rows if not row["jobId"].startswith("trial")]
    times = Counter(row["rcpt"] for row in rows)
    by_vmta = Counter(row["vmta"] for row in rows)
    broken = []
    if len(times) != recipients:
        broken.append(f"{recipients - len(times)} of {recipients} recipients got nothing")
    doubled = [rcpt for rcpt, count in times.items() if count > 1]
    if doubled:
        broken.append(f"{len(doubled)} recipients got the message more than once")
    if max(by_vmta.values(), default=0) > quota:
        broken.append(f"{max(by_vmta.values())} messages through one IP, {quota} allowed")
    with environment.env() as env:
        campaign = env["engine.campaign"].browse(campaign_id)
        days = env["engine.ip.day"].search([])
        if any(day.sent + day.reserved > day.quota for day in days):
            broken.append("a quota counter is exceeded")
        if campaign.state != "sent" or campaign.unknown_count:
            broken.append(f"the campaign ends {campaign.state}, {campaign.unknown_count} unknown")
        say(
            f"  {kills} kills, {len(rows)} messages, delivered {campaign.delivered_count}, "
            f"counted {sum(days.mapped('sent'))}, reserved {sum(days.mapped('reserved'))}"
        )
    return broken
