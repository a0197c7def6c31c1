"""The inbox with 100,000 mails: storing into conversations, searching, listing and opening.

Search is timed in SQL with the record rules of an ordinary user; lists and opening as JSON-RPC round trips.
The peer of the search is what a plain Odoo domain does: ILIKE over subject and body.
"""

import random
import time
from datetime import datetime, timedelta

from lokario_cli.odoo_process import Server
from lokario_testing.results import Result, p95, seconds

from .inbox_environment import WORDS, inbox_environment

MAILS, BATCH, ROUNDS = 100_000, 500, 60
RARE = [f"reference{number}" for number in range(2000)]
FRENCH = ["fenêtre", "réponse", "château", "délai", "hôtel", "garçon", "œuvre", "élève", "été", "noël"]


def run() -> list[Result]:
    with inbox_environment(name="lokario_bench_screens") as environment:
        stored, indexed = _fill(environment)
        results = [
            Result("a mail is stored in its conversation", stored, None, "ours <= 2", "ms"),
            Result("a stored mail is indexed, in the background", indexed, None, "ours <= 2", "ms"),
            *_searches(environment),
        ]
        options = environment.environment.options(
            db_name=environment.database, **{"lokario/manager_db": environment.database}
        )
        with Server("bench-screens", options) as server:
            return results + _round_trips(server, environment)


def _fill(environment):
    """Store all mails as the synchronisation does; return milliseconds a mail for storing and for indexing."""
    from odoo.addons.lokario_inbox.tools.sync_plan import Fetched

    with environment.env() as env:
        env["res.users"].create({
            "name": "Bench", "login": "bench", "password": "bench",
            "group_ids": [(4, env.ref("lokario_inbox.group_lokario_inbox_user").id)],
        })  # fmt: skip
        box = environment.add_box(env, "contact@mail.test", active=True)
        folder = env["inbox.folder"].create(
            {"integration_id": box.id, "name": "INBOX", "path": "INBOX", "special_use": "inbox"}
        )
        spent, dice = 0.0, random.Random(7)
        start = datetime.now() - timedelta(days=700)
        for first in range(0, MAILS, BATCH):
            pairs = [
                _pair(dice, number, start + timedelta(minutes=number * 10)) for number in range(first, first + BATCH)
            ]
            event = Fetched(box.id, folder.id, "1", tuple(item for item, _mail in pairs))
            spent += seconds(lambda event=event, pairs=pairs: env["inbox.store"]._store_batch(folder, event, pairs))
            env.flush_all()
            env.invalidate_all()
            env.cr.commit()
        indexing = seconds(env["inbox.search"]._cron_index)
        env.cr.execute("ANALYZE")
    return spent / MAILS * 1000, indexing / MAILS * 1000


def _pair(dice, number, date):
    from odoo.addons.lokario_inbox.tools.mime_message import Mail
    from odoo.addons.lokario_inbox.tools.sync_plan import RawItem

    sender, parent = dice.randrange(4000), max(0, number - 1 - dice.randrange(400))
    is_answer = number and dice.random() < 0.5
    text = f"{' '.join(dice.choices(WORDS, k=dice.randint(60, 300)))} {dice.choice(RARE)} {dice.choice(FRENCH)}"
    address = f"client{sender % 900}@example{sender % 50}.org"
    mail = Mail(
        identity=f"bench{number}",
        message_id=f"<{number}@x>",
        in_reply_to=f"<{parent}@x>" if is_answer else "",
        subject=("Re: " if is_answer else "") + " ".join(dice.choices(WORDS, k=5)),
        email_from=f"Client {sender} <{address}>",
        from_address=address,
        email_to="contact@mail.test",
        body_text=text,
        preview=text[:120],
        headers="Subject: x",
    )
    return RawItem(number + 1, "\\Seen" if dice.random() < 0.9 else "", date, len(text)), mail


def _texts(count):
    dice = random.Random(3)
    kinds = (
        lambda: dice.choice(RARE),
        lambda: dice.choice(FRENCH),
        lambda: dice.choice(WORDS),
        lambda: " ".join(dice.sample(WORDS, 3)),
        lambda: f"{dice.choice(WORDS)} {dice.choice(RARE)}",
        lambda: f"from:client{dice.randrange(900)}",
        lambda: f'"{dice.choice(WORDS)} {dice.choice(WORDS)}"',
        lambda: dice.choice(WORDS)[:4],
    )
    return [kinds[number % len(kinds)]() for number in range(count)]


def _searches(environment):
    with environment.env() as env:
        user = env["res.users"].search([("login", "=", "bench")])
        Conversation = env["inbox.conversation"].with_user(user)
        texts = _texts(ROUNDS * 3)
        Conversation.search([("search_text", "ilike", "warm")], limit=50)
        timings = sorted(
            (seconds(lambda t=text: Conversation.search([("search_text", "ilike", t)], limit=50)), text)
            for text in texts
        )
        plain = [
            seconds(
                lambda t=text: (
                    env["inbox.message"]
                    .with_user(user)
                    .search(["|", ("subject", "ilike", t), ("body_text", "ilike", t)], limit=50)
                )
            )
            for text in texts[:24]
        ]
    slowest = ", ".join(f"{text!r} {1000 * spent:.0f} ms" for spent, text in timings[-5:])
    print(f"      slowest searches: {slowest}")
    return [
        Result(
            "search of 100,000 mails, p95, record rules in",
            1000 * p95([spent for spent, _t in timings]),
            1000 * p95(plain),
            "ours <= 50",
            "ms",
        )
    ]


def _round_trips(server, environment):
    from lokario_testing.environments.client import OdooClient

    client = OdooClient(server.url)
    client.login(environment.database, "bench", "bench")
    with environment.env() as env:
        ids = env["inbox.conversation"].search([], order="message_count desc, id", limit=20).ids
        ids += env["inbox.conversation"].search([], limit=ROUNDS - 20).ids
    calls = {
        "list": lambda n: ("inbox_list", [], {"view": ("inbox", "unread", "all", "mine", "waiting")[n % 5]}),
        "next page": lambda n: ("inbox_list", [], {"view": "all", "offset": 50 * (n % 20)}),
        "search": lambda n: ("inbox_list", [], {"view": "all", "search": _texts(ROUNDS)[n]}),
        "open": lambda n: ("inbox_open", [[ids[n]]], {}),
        "sidebar": lambda n: ("inbox_sidebar", [], {}),
    }
    results = []
    for name, call in calls.items():
        timings = []
        for number in range(ROUNDS):
            method, arguments, keywords = call(number)
            start = time.perf_counter()
            client.call("inbox.conversation", method, *arguments, **keywords)
            timings.append(time.perf_counter() - start)
        results.append(Result(f"{name}, JSON-RPC round trip, p95", 1000 * p95(timings), None, "ours <= 150", "ms"))
    return results
