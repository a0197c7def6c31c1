"""A reference simulator: 42 days of warm-up played through the real engine, with providers that answer as they do.

Five IPs join one a week and use their whole quota every day, through a MailWizz that reports nothing: PowerMTA's
records alone tell what left. A sixth, of another tenant, mails a bought list and must be stopped within the hour.
Only the clock and the outside environment are made up: reservations, accounting, statistics, the nightly count,
pauses and alerts are the product's own.
"""

import random
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from lokario_cli.console import say, table
from lokario_testing.environments import telegram

from .engine_environment import engine_environment

DAYS = 42
IPS = 5
START = datetime(2026, 3, 2, tzinfo=UTC)
WEEKS = [50, 200, 500, 1500, 5000, 10000]  # mails a day and IP, the user's document
WEEK_6 = 17_200
TOTAL = 120_750  # mails of one IP in 42 days
SECONDS = 90
BAD_MAILS = 1000  # that a bought list may get out in 42 days, its probations included
LONGEST_UNSTOPPED = 3  # days of 50 mails each, until the statistics are certain
TOKEN = "123:simulator"
COLUMNS = "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat,vmta,jobId"
DELIVERED = "d,relayed,2.0.0 (success),smtp;250 2.0.0 OK,"
# provider -> (share of the list, [(probability, answer)]); the rest is delivered
PROVIDERS = {
    "gmail.com": (
        0.5,
        [
            (
                0.011,
                "b,failed,5.1.1,smtp;550-5.1.1 The email account that you tried to reach does not exist,bad-mailbox",
            ),
            (0.003, "b,failed,5.2.2,smtp;552-5.2.2 The email account is over quota,quota-issues"),
            (0.020, "t,delayed,4.7.28,smtp;421-4.7.28 unusual rate of unsolicited mail from your IP,policy-related"),
            (0.0002, "f,,,,abuse"),
        ],
    ),
    "yahoo.com": (
        0.2,
        [
            (
                0.012,
                "b,failed,5.0.0,smtp;554 delivery error: dd This user doesn't have a yahoo.com account,bad-mailbox",
            ),
            (0.030, "t,delayed,4.0.0,smtp;421 4.7.0 [TSS04] Messages temporarily deferred,policy-related"),
            (0.0003, "f,,,,abuse"),
        ],
    ),
    "outlook.com": (
        0.3,
        [
            (
                0.012,
                "b,failed,5.5.0,smtp;550 5.5.0 mailbox unavailable: user unknown,bad-mailbox",
            ),
            (
                0.020,
                "t,delayed,4.7.650,smtp;451 4.7.650 The mail server has been temporarily rate limited,policy-related",
            ),
            (0.0003, "f,,,,abuse"),
        ],
    ),
}
BOUGHT_LIST = {"gmail.com": (1.0, [(0.15, PROVIDERS["gmail.com"][1][0][1]), (0.01, "f,,,,abuse")])}


def run():
    """The broken promises of the simulator, printed with its results."""
    fake = telegram.FakeTelegram(TOKEN)
    with engine_environment("lokario_twin") as environment, telegram.serving(fake) as url:
        begin = time.monotonic()
        simulator = Simulator(environment, url)
        for day in range(DAYS):
            simulator.play(day)
        return simulator.judge(fake, time.monotonic() - begin)


class Simulator:
    def __init__(self, environment, telegram_url):
        self.environment, self.dice = environment, random.Random(42)
        self.granted = defaultdict(dict)  # ip id -> {day: mails}
        self.rows = self.over = 0
        self.stopped_on = None
        with self._at(0, 8) as env:
            env["ir.config_parameter"].set_param("email_engine_bridge.telegram_url", telegram_url)
            values = {"telegram_token": TOKEN, "telegram_chat": "-100"}
            self.good = environment.create_tenant(env, "sos-expat", ips=0, quota=0, **values).id
            self.bad = environment.create_tenant(env, "bought-list", ips=0, quota=0, **values).id
            self._add_ip(env, self.bad, "203.0.113.9")

    def _at(self, day, hour, minute=0):
        return _Frozen(self.environment, START + timedelta(days=day, hours=hour, minutes=minute))

    def _add_ip(self, env, tenant_id, address):
        domain = env["engine.domain"].search([("tenant_id", "=", tenant_id)])
        host = f"mail{address.rpartition('.')[2]}.{domain.name}"
        ip = env["engine.ip"].create({"address": address, "hostname": host, "domain_id": domain.id})
        ip._set_status("warming", "simulator: accepted unverified")

    def play(self, day):
        """One day: send all the quotas allow, take the answers in; at half past midnight, count."""
        with self._at(day, 8) as env:
            if day % 7 == 0 and day // 7 < IPS:
                self._add_ip(env, self.good, f"45.123.10.{day // 7 + 1}")
        for tenant_id, providers in ((self.good, PROVIDERS), (self.bad, BOUGHT_LIST)):
            with self._at(day, 9) as env:
                self._send(env, env["engine.tenant"].browse(tenant_id), day, providers)
        with self._at(day, 9, 50) as env:
            env["engine.ip"]._cron_judge_today()
            self._note_brake(env, day)
        with self._at(day + 1, 0, 30) as env:
            env["engine.ip"]._cron_consolidate()
            env["engine.alert"]._cron_send_alerts()

    def _note_brake(self, env, day):
        """What is over its quota, and on which day the bought list was stopped within the hour."""
        ips = env["engine.ip"].search([("tenant_id", "in", (self.good, self.bad))])
        for row in env["engine.quota"]._read_today(ips.tenant_id, ips.filtered("is_sending")).values():
            self.over += max(0, row["sent"] + row["reserved"] - row["quota"])
        bad = ips.filtered(lambda ip: ip.tenant_id.id == self.bad)
        if bad.status == "paused" and self.stopped_on is None:
            self.stopped_on = day

    def _send(self, env, tenant, day, providers):
        grants = env["engine.quota"]._reserve(tenant, 1_000_000, partial=True, purpose="simulator")
        lines = [COLUMNS]
        for grant in grants:
            env["engine.quota"]._release(grant["reservation"])  # as when MailWizz sends: only the records count it
            self.granted[grant["ip_id"]][day] = grant["granted"]
            vmta = env["engine.ip"].browse(grant["ip_id"]).vmta_name
            lines += self._answers(day, grant, vmta, providers)
        self.rows += len(lines) - 1
        summary = env["engine.event.ingest"]._ingest(tenant, ["\n".join(lines).encode()])
        assert summary["stored"] == len(lines) - 1, summary

    def _answers(self, day, grant, vmta, providers):
        moment = f"{START + timedelta(days=day, hours=9):%Y-%m-%d %H:%M:%S}+0000"
        domains = self.dice.choices(list(providers), [share for share, _rows in providers.values()], k=grant["granted"])
        for number, domain in enumerate(domains):
            rcpt = f"p{day}-{grant['ip_id']}-{number}@{domain}"
            for answer in self._answers_of(providers[domain][1]):
                kind, rest = answer.split(",", 1)
                yield f"{kind},{moment},b{number}@x.test,{rcpt},{rest},{vmta},"

    def _answers_of(self, table_):
        """What the provider says to one mail: a failure, or a delay or complaint beside the delivery."""
        for probability, answer in table_:
            if self.dice.random() < probability:
                return [answer] if answer[0] == "b" else [DELIVERED, answer]
        return [DELIVERED]

    def judge(self, fake, seconds):
        with self._at(DAYS, 1) as env:
            ips = env["engine.ip"].search([("tenant_id", "=", self.good)], order="id")
            rows = [
                [
                    ip.address,
                    ip.status,
                    ip.phase,
                    str(sum(self.granted[ip.id].values())),
                    str(sum(ip.day_ids.mapped("delivered"))),
                ]
                for ip in ips
            ]
            bad = env["engine.ip"].search([("tenant_id", "=", self.bad)])
            texts = [text for _chat, text in fake.messages]
            say(table(["IP", "state", "phase", "sent", "delivered"], rows))
            say(f"bought list: now {bad.status}, after {sum(self.granted[bad.id].values())} mails: {bad.status_reason}")
            say(f"{self.rows} accounting rows, {len(texts)} alerts, {seconds:.0f} s")
            return list(self._find_broken(ips, bad, texts, seconds))

    def _find_broken(self, ips, bad, texts, seconds):
        first = self.granted[ips[0].id]
        if [first[7 * week] for week in range(6)] != WEEKS:
            yield f"the first IP sent {[first[7 * week] for week in range(6)]} a day"
        if sum(first.values()) != TOTAL:
            yield f"the first IP sent {sum(first.values())} mails, not {TOTAL}"
        week_6 = sum(self.granted[ip.id].get(35, 0) for ip in ips)
        if week_6 != WEEK_6:
            yield f"week 6 gives {week_6} a day, not {WEEK_6}"
        if ips[0].status != "active" or any(ip.status not in ("warming", "active") for ip in ips):
            yield f"states: {ips.mapped('status')}"
        if not any(bad.address in text and "pause" in text for text in texts):
            yield "no alert tells that the bought list's IP is paused"
        if sum(self.granted[bad.id].values()) > BAD_MAILS:
            yield f"the bought list got {sum(self.granted[bad.id].values())} mails out"
        if not any("45.123.10.1" in text and "active" in text for text in texts):
            yield "no alert tells that the first IP is active"
        yield from self._find_overruns()
        if seconds > SECONDS:
            yield f"{seconds:.0f} s, {SECONDS} allowed"

    def _find_overruns(self):
        if self.over:
            yield f"{self.over} mails over quota"
        if self.stopped_on is None or self.stopped_on > LONGEST_UNSTOPPED:
            yield f"the bought list was not stopped within the hour, by day {LONGEST_UNSTOPPED}: {self.stopped_on}"


class _Frozen:
    """An environment at one moment of the simulated time, committed at its end."""

    def __init__(self, environment, moment):
        from freezegun import freeze_time

        self._clock, self._env = freeze_time(moment), environment.env()

    def __enter__(self):
        self._clock.start()
        return self._env.__enter__()

    def __exit__(self, *exc):
        try:
            return self._env.__exit__(*exc)
        finally:
            self._clock.stop()
