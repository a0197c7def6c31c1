"""16 workers reserve random chunks on 5 IPs and are killed at random: nothing is granted twice.

Every grant a worker saw is written to its own journal before it is used. At every instant (a watcher
reads all the time) reserved + sent stay within the quota; in the end the counters are what the leases
say, no journal holds more than the counters, and no caller saw a serialization error.
"""

import os
import random
import signal
import time

from lokario_cli.console import say

from .engine_environment import engine_environment

POINTS = 50_000  # reservations asked for
WORKERS = 16
IPS = 5
KILL_EVERY = 0.4  # seconds


def run(points, seed):
    """The broken promises of `points` reservations."""
    dice = random.Random(seed)
    quota = points // IPS  # about half of what is asked: contention until the end
    with engine_environment("lokario_chaos_quotas") as environment:
        with environment.env() as env:
            tenant_id = environment.create_tenant(env, "chaos", ips=IPS, quota=quota).id
        environment.close()
        broken, killed = _storm(environment, tenant_id, points, quota, dice)
        with environment.env() as env:
            return broken + _judge(env, tenant_id, environment.folder, quota, killed)


def _storm(environment, tenant_id, points, quota, dice):
    """Let the workers run, kill some, watch the counters; returns (broken promises, kills)."""
    share = points // WORKERS
    start = lambda: environment.fork(_worker, environment, tenant_id, share, dice.getrandbits(32))  # noqa: E731
    workers, broken, kills = {start() for _n in range(WORKERS)}, [], 0
    last_kill, looks = time.monotonic(), 0
    while workers:
        workers -= _reap(workers)
        if workers and time.monotonic() - last_kill > KILL_EVERY and kills < WORKERS * 4:
            victim = dice.choice(sorted(workers))
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            workers.discard(victim)
            workers.add(start())
            kills, last_kill = kills + 1, time.monotonic()
        with environment.env() as env:
            env.cr.execute(
                "SELECT count(*) FROM engine_ip_day WHERE tenant_id = %s AND sent + reserved > quota", (tenant_id,)
            )
            looks += 1
            if env.cr.fetchone()[0]:
                broken.append("more was granted than the quota at some instant")
        time.sleep(0.02)
    say(f"      {kills} workers killed, counters looked at {looks} times, quota {quota} on each of {IPS} IPs")
    return broken, kills


def _reap(workers):
    done = set()
    for pid in workers:
        if os.waitpid(pid, os.WNOHANG)[0]:
            done.add(pid)
    return done


def _worker(environment, tenant_id, share, seed):
    """Reserve random chunks, note what was granted, settle or forget it."""
    from odoo import SUPERUSER_ID, api

    dice = random.Random(seed)
    with (
        (environment.folder / f"journal-{os.getpid()}").open("a", buffering=1) as journal,
        environment.registry.cursor() as cr,
    ):
        env = api.Environment(cr, SUPERUSER_ID, {})
        quota, tenant = env["engine.quota"], env["engine.tenant"].browse(tenant_id)
        for _number in range(share):
            try:
                grants = quota._reserve(tenant, dice.randint(1, 3), partial=dice.random() < 0.5)
                for grant in grants:
                    journal.write(f"granted {grant['reservation']} {grant['granted']}\n")
                    if dice.random() < 0.9:
                        quota._settle(
                            grant["reservation"], dice.randint(0, grant["granted"]), close=dice.random() < 0.8
                        )
            except Exception as error:  # noqa: BLE001 whatever reaches a caller is a broken promise
                journal.write(f"error {type(error).__name__} {error!r}\n")


def _judge(env, tenant_id, folder, quota, kills):
    lines = [line.split(maxsplit=2) for path in folder.glob("journal-*") for line in path.read_text().splitlines()]
    errors = [line for line in lines if line[0] == "error"]
    granted = {line[1]: int(line[2]) for line in lines if line[0] == "granted" and len(line) == 3}
    broken = [f"a caller saw {errors[0][1:]} ({len(errors)} times)"] if errors else []
    env.cr.execute("SELECT token, quantity FROM engine_lease WHERE tenant_id = %s", (tenant_id,))
    leases = dict(env.cr.fetchall())
    if any(leases.get(token) != number for token, number in granted.items()):
        broken.append("a worker was told of a grant that the database does not know")
    env.cr.execute(
        """SELECT d.ip_id, d.quota, d.sent, d.reserved, coalesce(sum(l.sent), 0),
                  coalesce(sum(l.quantity - l.sent) FILTER (WHERE l.state = 'open'), 0)
             FROM engine_ip_day d LEFT JOIN engine_lease l ON l.ip_day_id = d.id
            WHERE d.tenant_id = %s GROUP BY d.id""",
        (tenant_id,),
    )
    for ip_id, limit, sent, reserved, leased_sent, leased_open in env.cr.fetchall():
        if sent != leased_sent or reserved != leased_open:
            broken.append(f"IP {ip_id}: counters {sent}/{reserved}, leases {leased_sent}/{leased_open}")
        if sent + reserved > limit:
            broken.append(f"IP {ip_id}: {sent + reserved} granted of {limit}")
    env["engine.lease"].search([("state", "=", "open")]).expires_at = "2020-01-01"
    env.cr.commit()
    for lease in env["engine.lease"].search([("state", "=", "open")]):
        env["engine.quota"]._release(lease.token)
    env.cr.commit()
    env.cr.execute("SELECT coalesce(sum(reserved), 0) FROM engine_ip_day WHERE tenant_id = %s", (tenant_id,))
    if env.cr.fetchone()[0]:
        broken.append("leases of dead workers did not return")
    say(f"      {len(leases)} grants for {sum(leases.values())} mails, {kills} kills, {len(errors)} errors seen")
    return broken
