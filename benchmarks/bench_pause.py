"""How long mail still leaves after somebody presses Pause, or the kill switch, in front of a slow delivery server."""

import os
import signal
import time

from lokario_cli.figures import Figure
from lokario_cli.worlds import pmta

from .engine_world import engine_world

RECIPIENTS = 400
MESSAGE_SECONDS = 0.15  # the server takes for each message
ROUNDS = 3


def run():
    with engine_world("lokario_bench_pause") as world:
        accounting = world.folder / "acct.csv"
        with pmta.process(accounting, delay=MESSAGE_SECONDS) as (host, port):
            campaign_id, tenant_id = _prepare(world, host, port)
            paused = [_time(world, campaign_id, accounting, _pause, _resume) for _round in range(ROUNDS)]
            stops = [_switch(tenant_id, stopped) for stopped in (True, False)]
            stopped = [_time(world, campaign_id, accounting, *stops) for _round in range(ROUNDS)]
    return [
        Figure(f"{name}, a server of {MESSAGE_SECONDS} s a mail", max(times), None, "ours <= 1", "s")
        for name, times in (("pause", paused), ("kill switch", stopped))
    ]


def _prepare(world, host, port):
    with world.env() as env:
        tenant = world.create_tenant(env, "slow", ips=1, quota=RECIPIENTS, delivery_host=host, delivery_port=port)
        rows = "email\n" + "".join(f"p{number}@x.test\n" for number in range(RECIPIENTS))
        env["engine.contact.ingest"]._ingest(tenant, rows.encode(), "text/csv", lists=["All"])
        template = env["engine.template"].create({"name": "T", "tenant_id": tenant.id, "html": "<p>Hi</p>"})
        lists = env["engine.contact.list"].search([]).ids
        values = {"name": "Slow", "tenant_id": tenant.id, "template_id": template.id, "list_ids": lists}
        campaign = env["engine.campaign"].create(values)
        campaign._send()
        return campaign.id, tenant.id


def _time(world, campaign_id, accounting, stop, start):
    """Seconds between the commit of the button's transaction and the last message taken."""
    worker = world.fork(_work, world, campaign_id)
    begun = _wait_for(accounting, _size(accounting) + 1)
    assert begun, "the worker sends nothing"
    with world.env() as env:
        stop(env["engine.campaign"].browse(campaign_id))
    pressed = time.time()
    os.waitpid(worker, 0)
    with world.env() as env:
        start(env["engine.campaign"].browse(campaign_id))
    return max(0.0, accounting.stat().st_mtime - pressed)


def _work(world, campaign_id):
    signal.alarm(60)
    with world.env() as env:
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
