"""A reference simulator: 42 days of warm-up played through the real engine, with providers that answer as they do.

Five IPs join one a week. All mail is MailWizz's: campaigns are handed over through its HTTP API (a stand-in), a day's
quota a day; what it sends leaves through a stand-in PowerMTA that obeys the configuration the engine prints, and comes
back as PowerMTA's records. A second tenant, whose IP is warm, mails a bought list for a week and must be stopped within
the hour. Only the clock and the outside environment are made up: reservations, hand-over, accounting, statistics, the
nightly count, pauses and alerts are the product's own.
"""

import contextlib
import random
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lokario_cli.console import say, table
from lokario_testing.environments import mailwizz, telegram

from .engine_environment import engine_environment

DAYS = 42
IPS = 5
START = datetime(2026, 3, 2, tzinfo=UTC)
WEEKS = [50, 200, 500, 1500, 5000, 10000]  # mails a day and IP, the user's document
WEEK_6 = 17_200
TOTAL = 120_750  # mails of one IP in 42 days
EVERYBODY = 195_000  # people of the list; 194,250 mails leave in 42 days
BOUGHT = 60_000
GOOD_DAY, BAD_WEEK = 14, range(21, 28)  # of the second tenant
HOURS = (9, 10, 11)  # in which its MailWizz sends during the bad week
SECONDS = 1800
LIMIT = r"<virtual-mta (\S+)>[^<]*?max-smtp-msg-rate (\d+)/d"
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
    with engine_environment("lokario_twin") as environment, contextlib.ExitStack() as stack:
        begin = time.monotonic()
        simulator = Simulator(environment, stack.enter_context(telegram.serving(fake)), stack)
        for day in range(DAYS):
            simulator.play(day)
        return simulator.judge(fake, time.monotonic() - begin)


@dataclass
class Sender:
    """A tenant, its MailWizz, what providers answer to its people, and what left: {VMTA: {day: mails}}."""

    tenant_id: int
    mailwizz: mailwizz.FakeMailWizz
    providers: dict = field(default_factory=lambda: PROVIDERS)
    left: dict = field(default_factory=lambda: defaultdict(Counter))
    hours: dict = field(default_factory=Counter)  # (day, hour) -> mails


class Simulator:
    def __init__(self, environment, telegram_url, stack):
        self.environment, self.dice, self.stack = environment, random.Random(42), stack
        self.rows = self.over = self.stuck = 0
        with self._at(0, 7) as env:
            env["ir.config_parameter"].set_param("email_engine_bridge.telegram_url", telegram_url)
            self.good = self._add_sender(env, "sos-expat")
            self.bad = self._add_sender(env, "bought-list", spread_over_day=True)
            warm = self._add_ip(env, self.bad, "203.0.113.9")
            warm.write({"stage": len(warm.plan_id.stage_ids), "status": "active"})
            self._plan(env, self.good, "Weekly", 0, self._add_people(env, self.good, "all", EVERYBODY))
            self._plan(env, self.bad, "Clients", GOOD_DAY, self._add_people(env, self.bad, "clients", 1200))
            self._plan(env, self.bad, "Bought", BAD_WEEK[0], self._add_people(env, self.bad, "bought", BOUGHT))

    def _at(self, day, hour, minute=0):
        return _Frozen(self.environment, START + timedelta(days=day, hours=hour, minutes=minute))

    def _add_sender(self, env, slug, **values):
        fake = mailwizz.FakeMailWizz(slug)
        url = self.stack.enter_context(mailwizz.serving(fake))
        values |= {"telegram_token": TOKEN, "telegram_chat": "-100", "mailwizz_url": url, "mailwizz_key": slug}
        return Sender(self.environment.create_tenant(env, slug, ips=0, quota=0, **values).id, fake)

    def _add_ip(self, env, sender, address):
        domain = env["engine.domain"].search([("tenant_id", "=", sender.tenant_id)])
        host = f"mail{address.rpartition('.')[2]}.{domain.name}"
        ip = env["engine.ip"].create({"address": address, "hostname": host, "domain_id": domain.id})
        ip._set_status("warming", "simulator: accepted unverified")
        return ip

    def _add_people(self, env, sender, name, count):
        domains = [domain for domain, (share, _rows) in PROVIDERS.items() for _n in range(round(share * 10))]
        return self.environment.add_people(env, env["engine.tenant"].browse(sender.tenant_id), name, count, domains)

    def _plan(self, env, sender, name, day, people):
        values = {"name": name, "tenant_id": sender.tenant_id}
        template = env["engine.template"].create({**values, "html": "<p>{{ first_name }}</p>"})
        values |= {"template_id": template.id, "transport": "mailwizz", "list_ids": people.ids}
        moment = (START + timedelta(days=day, hours=9)).replace(tzinfo=None)
        env["engine.campaign"].create({**values, "scheduled_at": moment})._set_scheduled()

    # === A DAY === #

    def play(self, day):
        """Each hour MailWizz gets and sends what may leave, and the answers come in; at half past midnight, count."""
        with self._at(day, 8) as env:
            if day % 7 == 0 and day // 7 < IPS:
                self._add_ip(env, self.good, f"45.123.10.{day // 7 + 1}")
        self.bad.providers = BOUGHT_LIST if day in BAD_WEEK else PROVIDERS
        for hour in HOURS if day in BAD_WEEK else HOURS[:1]:
            self._play_hour(day, hour)
        with self._at(day + 1, 0, 30) as env:
            env["engine.ip"]._cron_consolidate()
            env["engine.alert"]._cron_send_alerts()

    def _play_hour(self, day, hour):
        with self._at(day, hour) as env:
            env["engine.campaign"]._cron_continue()
        with self._at(day, hour, 1) as env:
            self._work_jobs(env)
        with self._at(day, hour, 10) as env:
            for sender in (self.good, self.bad):
                self._send(env, sender, day, hour)
        with self._at(day, hour, 50) as env:
            env["engine.ip"]._cron_judge_today()
            env["engine.transport.mailwizz"]._cron_follow()
            self._note_overruns(env)

    def _work_jobs(self, env):
        """What the job runner does until nothing is left: who writes a list makes the job that hands it over."""
        from odoo.addons.queue_job.job import Job

        while pending := env["queue.job"].search([("state", "=", "pending")]):
            for record in pending:
                job = Job.load(env, record.uuid)
                job.perform()
                job.set_done()
                job.store()
            env.cr.commit()  # to see what jobs made in transactions of their own

    def _send(self, env, sender, day, hour):
        """MailWizz hands an hour's mails to PowerMTA, whose records come back."""
        tenant = env["engine.tenant"].browse(sender.tenant_id)
        limit = tenant._get_mailwizz_delivery_server()["hourly_quota"]
        people = list(sender.mailwizz.send(f"{START + timedelta(days=day, hours=hour, minutes=10):%F %T}", limit))
        if not people:
            return
        lines = [COLUMNS]
        rooms = self._read_rooms(tenant, sender, day)
        for person in people:
            vmta = max(rooms, key=rooms.get, default=None)
            if not rooms.get(vmta):
                self.stuck += 1
                continue
            rooms[vmta] -= 1
            sender.left[vmta][day] += 1
            sender.hours[day, hour] += 1
            lines += self._answers(day, hour, person["EMAIL"], vmta, sender.providers)
        self.rows += len(lines) - 1
        summary = env["engine.event.ingest"]._ingest(tenant, ["\n".join(lines).encode()])
        assert summary["stored"] == len(lines) - 1, summary

    def _read_rooms(self, tenant, sender, day):
        """{VMTA: mails it may still send today}, as the printed configuration says."""
        limits = re.findall(LIMIT, tenant._render_config(), re.DOTALL)
        return {vmta: int(a_day) - sender.left[vmta][day] for vmta, a_day in limits}

    def _answers(self, day, hour, address, vmta, providers):
        moment = f"{START + timedelta(days=day, hours=hour, minutes=10):%F %T}+0000"
        of_domain = providers.get(address.rpartition("@")[2]) or next(iter(providers.values()))
        for answer in self._answers_of(of_domain[1]):
            kind, rest = answer.split(",", 1)
            yield f"{kind},{moment},bounce@x.test,{address},{rest},{vmta},"

    def _answers_of(self, table_):
        """What the provider says to one mail: a failure, or a delay or complaint beside the delivery."""
        for probability, answer in table_:
            if self.dice.random() < probability:
                return [answer] if answer[0] == "b" else [DELIVERED, answer]
        return [DELIVERED]

    def _note_overruns(self, env):
        """How many mails are over the quotas."""
        ips = env["engine.ip"].search([("tenant_id", "in", (self.good.tenant_id, self.bad.tenant_id))])
        for row in env["engine.quota"]._read_today(ips.tenant_id, ips.filtered("is_sending")).values():
            self.over += max(0, row["sent"] + row["reserved"] - row["quota"])

    # === JUDGEMENT === #

    def judge(self, fake, seconds):
        with self._at(DAYS, 1) as env:
            ips = env["engine.ip"].search([("tenant_id", "=", self.good.tenant_id)], order="id")
            bad = env["engine.ip"].search([("tenant_id", "=", self.bad.tenant_id)])
            texts = [text for _chat, text in fake.messages]
            rows = [
                [ip.address, ip.status, ip.phase, str(self._count(ip)), str(sum(ip.day_ids.mapped("delivered")))]
                for ip in (*ips, *bad)
            ]
            say(table(["IP", "state", "phase", "sent", "delivered"], rows))
            say(f"bad week, mails by hour: {[[self.bad.hours[day, hour] for hour in HOURS] for day in BAD_WEEK]}")
            handed = sum(map(len, self.good.mailwizz.members.values()))
            say(f"{handed} subscribers by HTTP, {self.rows} accounting rows, {len(texts)} alerts, {seconds:.0f} s")
            return list(self._find_broken(ips, bad, texts, seconds))

    def _count(self, ip):
        return sum((self.good.left | self.bad.left)[ip.vmta_name].values())

    def _find_broken(self, ips, bad, texts, seconds):
        first = self.good.left[ips[0].vmta_name]
        if [first[7 * week] for week in range(6)] != WEEKS:
            yield f"the first IP sent {[first[7 * week] for week in range(6)]} a day"
        if sum(first.values()) != TOTAL:
            yield f"the first IP sent {sum(first.values())} mails, not {TOTAL}"
        week_6 = {sum(days[day] for days in self.good.left.values()) for day in range(35, 42)}
        if week_6 != {WEEK_6}:
            yield f"week 6 gives {week_6} a day, not {WEEK_6}"
        if ips[0].status != "active" or any(ip.status not in ("warming", "active") for ip in ips):
            yield f"states: {ips.mapped('status')}"
        if not any("45.123.10.1" in text and "active" in text for text in texts):
            yield "no alert tells that the first IP is active"
        if not any(bad.address in text and "pause" in text for text in texts):
            yield "no alert tells that the bought list's IP is paused"
        yield from self._find_overruns(ips)
        if seconds > SECONDS:
            yield f"{seconds:.0f} s, {SECONDS} allowed"

    def _find_overruns(self, ips):
        if self.over or self.stuck:
            yield f"{self.over} mails over quota, {self.stuck} that PowerMTA could not send"
        for ip in ips:
            counted = {day.day: day.sent for day in ip.day_ids if day.sent}
            left = self.good.left[ip.vmta_name]
            if counted != {(START + timedelta(days=day)).date(): mails for day, mails in left.items() if mails}:
                yield f"{ip.address}: counted is not what left"
        unstopped = [day for day in BAD_WEEK if any(self.bad.hours[day, hour] for hour in HOURS[1:])]
        if unstopped or not self.bad.hours[BAD_WEEK[0], HOURS[0]]:
            yield f"the bought list was not stopped within the hour on days {unstopped}"


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
