"""How long mail still leaves after somebody presses Pause, or the kill switch, in front of a slow delivery server."""

import os
import signal
import time

from lokario_testing.environments import pmta
from lokario_testing.results import Result

from .engine_environment import engine_environment

RECIPIENTS = 400
MESSAGE_SECONDS = 0.15  # the server takes for each message
ROUNDS = 3


def run():
    with engine_environment("lokario_bench_pause") as environment:
        accounting = environment.folder / "acct.csv"
        with pmta.process(accounting, delay=MESSAGE_SECONDS) as (host, port):
            campaign_id, tenant_id = _prepare(environment, host, port)
            paused = [_time(environment, campaign_id, accounting, _pause, _resume) for _round in range(ROUNDS)]
            stops = [_switch(tenant_id, stopped) for stopped in (True, False)]
            stopped = [_time(environment, campaign_id, accounting, *stops) for _round in range(ROUNDS)]
    return [
        Result(f"{name}, a server of {MESSAGE_SECONDS} s a mail", max(times), None, "ours <= 1", "s")
        for name, times in (("pause", paused), ("kill switch", stopped))
    ]


def _prepare(environment, host, port):
    with environment.env() as env:
        tenant = environment.create_tenant(env, "slow", ips=1, quota=RECIPIENTS, delivery_host=host, delivery_port=port)
        rows = "email\n" + "".join(f"p{number}@x.test\n" for number in range(RECIPIENTS))
        env["engine.contact.ingest"]._ingest(tenant, rows.encode(), "text/csv", lists=["All"])
        template = env["engine.template"].create({"name": "T", "tenant_id": tenant.id, "html": "<p>Hi</p>"})
        lists = env["engine.contact.list"].search([]).ids
        values = {"name": "Slow", "tenant_id": tenant.id, "template_id": template.id, "list_ids": lists}
        campaign = env["engine.campaign"].create(values)
        campaign._send()
        return campaign.id, tenant.id


def _time(environment, campaign_id, accounting, stop, start):
    """Seconds between the commit of the button's transaction and the last message taken."""
    worker = environment.fork(_work, environment, campaign_id)
    begun = _wait_for(accounting, _size(accounting) + 1)
    assert begun, "the worker sends nothing"
    with environment.env() as env:
        stop(env["engine.campaign"].browse(campaign_id))
    pressed = time.time()
    os.waitpid(worker, 0)
    with environment.env() as env:
        start(env["engine.campaign"].browse(campaign_id))
    return max(0.0, accounting.stat().st_mtime - pressed)


def _work(environment, campaign_id):
    signal.alarm(60)
    with environment.env() as env:
        env["engine.campaign"].browse(campaign_id).chunk_ids.filtered(lambda one: one.state != "done")._job_send()


def _pause(campaign):
    campaign.action_pause()


def _resume(campaign):
    campaign.action_resume()


def _switch(tenant_id, stopped):
    def switch(campaign):
        campaign.env["engine.tenant"].browse(tenant_id).is_stopped = stopped

    return switch


def _size(accounting):
    return accounting.stat().st_size if accounting.exists() else 0


def _wait_for(accounting, size, timeout=30):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if _size(accounting) >= size:
            return True
        time.sleep(0.01)
    return False
