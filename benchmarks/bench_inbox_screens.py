"""The inbox with 100,000 mails: storing into conversations, searching, listing and opening.

Search is timed in SQL with the record rules of an ordinary user; lists and opening as JSON-RPC round trips.
The peer of the search is what a plain Odoo domain does: ILIKE over subject and body.
"""

import random
import time
from datetime import datetime, timedelta

from benchmarks.inbox_world import WORDS, inbox_world
from lokario_cli.figures import Figure, p95, seconds
from lokario_cli.worlds.odoo import Server

MAILS, BATCH, ROUNDS = 100_000, 500, 60
RARE = [f"reference{number}" for number in range(2000)]
FRENCH = ["fenêtre", "réponse", "château", "délai", "hôtel", "garçon", "œuvre", "élève", "été", "noël"]


def run() -> list[Figure]:
    with inbox_world(name="lokario_bench_screens") as world:
        stored, indexed = _fill(world)
        figures = [
            Figure("a stored mail joins its conversation", stored, None, "ours <= 2", "ms"),
            Figure("a stored mail is indexed, in the background", indexed, None, "ours <= 2", "ms"),
            *_searches(world),
        ]
        options = world.world.options(db_name=world.database, **{"lokario/manager_db": world.database})
        with Server("bench-screens", options) as server:
            return figures + _round_trips(server, world)


def _fill(world):
    """Store all mails as the synchronisation does; return milliseconds a mail spent in the hook."""
    with world.env() as env:
        env["res.users"].create({
            "name": "Bench", "login": "bench", "password": "bench",
            "group_ids": [(4, env.ref("lokario_inbox.group_lokario_inbox_user").id)],
        })  # fmt: skip
        box = world.add_box(env, "contact@mail.test", active=True)
        folder = env["inbox.folder"].create(
            {"integration_id": box.id, "name": "INBOX", "path": "INBOX", "special_use": "inbox"}
        )
        spent, dice = 0.0, random.Random(7)
        start = datetime.now() - timedelta(days=700)
        for first in range(0, MAILS, BATCH):
            ids = _insert(env, box, folder, dice, first, start)
            messages = env["inbox.message"].browse(ids)
            spent += seconds(messages._after_store)
            env.flush_all()
            env.invalidate_all()
            env.cr.commit()
        indexing = seconds(env["inbox.message"]._cron_index)
        env.cr.execute("ANALYZE")
    return spent / MAILS * 1000, indexing / MAILS * 1000


def _insert(env, box, folder, dice, first, start):
    rows = []
    for number in range(first, first + BATCH):
        sender = dice.randrange(4000)
        parent = max(0, number - 1 - dice.randrange(400))
        reply = number and dice.random() < 0.5
        words = " ".join(dice.choices(WORDS, k=dice.randint(60, 300)))
        text = f"{words} {dice.choice(RARE)} {dice.choice(FRENCH)}"
        rows.append((
            box.id, box.company_id.id, f"bench{number}", f"<{number}@x>", f"<{parent}@x>" if reply else None,
            ("Re: " if reply else "") + " ".join(dice.choices(WORDS, k=5)),
            f"Client {sender} <client{sender % 900}@example{sender % 50}.org>",
            f"client{sender % 900}@example{sender % 50}.org", "contact@mail.test",
            start + timedelta(minutes=number * 10), text, text[:120], "in", dice.random() < 0.9, "Subject: x",
        ))  # fmt: skip
    found = env.cr.execute_values(
        """INSERT INTO inbox_message (integration_id, company_id, identity, message_id_header, "references", subject,
               email_from, from_address, email_to, date, body_text, preview, direction, is_seen, headers)
           VALUES %s RETURNING id""",
        rows,
        page_size=BATCH,
        fetch=True,
    )
    env.cr.execute_values(
        """INSERT INTO inbox_placement (integration_id, folder_id, message_id, uidvalidity, uid) VALUES %s""",
        [(box.id, folder.id, row[0], "1", first + n) for n, row in enumerate(found)],
        page_size=BATCH,
    )
    return [row[0] for row in found]


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


def _searches(world):
    with world.env() as env:
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
        Figure(
            "search of 100,000 mails, p95, record rules in",
            1000 * p95([spent for spent, _t in timings]),
            1000 * p95(plain),
            "ours <= 50",
            "ms",
        )
    ]


def _round_trips(server, world):
    from lokario_cli.worlds.client import OdooClient

    client = OdooClient(server.url)
    client.login(world.database, "bench", "bench")
    with world.env() as env:
        ids = env["inbox.conversation"].search([], order="message_count desc, id", limit=20).ids
        ids += env["inbox.conversation"].search([], limit=ROUNDS - 20).ids
    calls = {
        "list": lambda n: ("inbox_list", [], {"view": ("inbox", "unread", "all", "mine", "waiting")[n % 5]}),
        "next page": lambda n: ("inbox_list", [], {"view": "all", "offset": 50 * (n % 20)}),
        "search": lambda n: ("inbox_list", [], {"view": "all", "search": _texts(ROUNDS)[n]}),
        "open": lambda n: ("inbox_open", [[ids[n]]], {}),
        "sidebar": lambda n: ("inbox_sidebar", [], {}),
    }
    figures = []
    for name, call in calls.items():
        timings = []
        for number in range(ROUNDS):
            method, arguments, keywords = call(number)
            start = time.perf_counter()
            client.call("inbox.conversation", method, *arguments, **keywords)
            timings.append(time.perf_counter() - start)
        figures.append(Figure(f"{name}, JSON-RPC round trip, p95", 1000 * p95(timings), None, "ours <= 150", "ms"))
    return figures
