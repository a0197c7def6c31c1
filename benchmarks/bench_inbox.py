"""The inbox against stock Odoo: first sync, a thousand mailboxes, a renumbered folder, memory.

Peer: Odoo's own ``fetchmail.server`` in the same database, on the same Dovecot, in the same run.
"""

import os
import threading
import time
from email.message import EmailMessage
from functools import partial
from pathlib import Path

from lokario_testing.results import Result, median

from .inbox_environment import PASSWORD, SlowLine, inbox_environment, make_mails

MESSAGES = 10_000
STOCK_MESSAGES = 300
ROUNDS = 5  # of our import of STOCK_MESSAGES, side by side with the peer's
ACCOUNTS = 1_000
BAD_SHARE = 0.1


def run():
    with inbox_environment() as environment:
        added = [*memory(environment)]  # first: what this process has done before would count as the worker's
        return [*first_sync(environment), *renumbered(environment), *added, *accounts(environment)]


# === FIGURE 1: FIRST SYNC === #


def first_sync(environment):
    mails = make_mails(MESSAGES)
    visible, everything, queries = _first_sync(environment, mails)
    yield Result("first sync: first 50 conversations", visible, None, "ours <= 2")
    yield Result(f"first sync: all {MESSAGES}", everything, None, "ours <= 15")
    yield Result("first sync: queries per message", queries, None, "ours <= 0.2", "queries")
    for name, round_trip, goal in (("loopback", 0, "ratio <= 0.05"), ("20 ms", 0.020, "ratio <= 0.01")):
        ours, stock = _per_message(environment, name, round_trip, everything)
        yield Result(f"per message at {name}, stock fetchmail", ours, stock, goal, "ms")


def _first_sync(environment, mails, address="first@mail.test", port=None):
    import odoo.sql_db

    environment.fill(address, mails)
    with environment.env() as env:
        box = environment.add_box(env, address, port=port)
        env.cr.commit()
        start, queries = time.perf_counter(), odoo.sql_db.sql_counter
        env["inbox.integration"]._cron_sync_all()
        visible = time.perf_counter() - start
        assert env["inbox.message"].search_count([("integration_id", "=", box.id)]) >= 50
        while box.backfill_pending:
            env["inbox.integration"]._cron_backfill()
            box.invalidate_recordset()
        everything = time.perf_counter() - start
        queries = odoo.sql_db.sql_counter - queries
        count = env["inbox.message"].search_count([("integration_id", "=", box.id)])
        assert count == len(mails), f"{count} of {len(mails)} stored"
        box.active = False
    return visible, everything, queries / len(mails)


def _per_message(environment, name, round_trip, everything):
    """Milliseconds per message: ours over the big mailbox, stock over STOCK_MESSAGES, same line."""
    if not round_trip:
        stock = _stock(environment, f"stock-{name}@mail.test", environment.mail.imap_port)
        return 1000 * everything / MESSAGES, stock
    with SlowLine(environment.mail.imap_port, round_trip) as line:
        environment.allow(environment.mail.imap_port, line.port)
        _visible, ours, _queries = _first_sync(
            environment, make_mails(MESSAGES, seed=2), f"{round_trip}@mail.test", line.port
        )
        stock = _stock(environment, f"stock-{round_trip}@mail.test", line.port)
    return 1000 * ours / MESSAGES, stock


def _stock(environment, address, port):
    environment.fill(address, make_mails(STOCK_MESSAGES, seed=3))
    with environment.env() as env:
        server = env["fetchmail.server"].create(
            {
                "name": address,
                "server_type": "imap",
                "server": "127.0.0.1",
                "port": port,
                "user": address,
                "password": PASSWORD,
                "state": "done",
                "object_id": env.ref("base.model_res_partner").id,
            }
        )
        env.cr.commit()
        start = time.perf_counter()
        failure = server._fetch_mail(batch_limit=STOCK_MESSAGES)
        elapsed = time.perf_counter() - start
        if failure:
            raise failure
        server.active = False
    return 1000 * elapsed / STOCK_MESSAGES


# === FIGURE 6: UIDVALIDITY === #


def renumbered(environment):
    address = "renumbered@mail.test"
    mails = make_mails(MESSAGES, seed=4)
    total = sum(map(len, mails))
    _first_sync(environment, mails, address)
    environment.mail.doveadm("mailbox", "update", "-u", address, "--uid-validity", "4000000000", "INBOX")
    with environment.env() as env:
        box = env["inbox.integration"].with_context(active_test=False).search([("email_address", "=", address)])
        messages = env["inbox.message"].search([("integration_id", "=", box.id)])
        _handle_some(env, box)
        before = _handled(env, box)
        box.write({"active": True, "next_sync_at": False})
        env.cr.commit()
        moved = _bytes_of(env, lambda: env["inbox.integration"]._cron_sync_all())
        after = env["inbox.message"].search([("integration_id", "=", box.id), ("deleted_at", "=", False)])
        assert after == messages, "messages were lost or doubled"
        assert _handled(env, box) == before, "notes, assignments or links were lost"
        assert box.folder_ids.filtered(lambda f: f.special_use == "inbox").uidvalidity == "4000000000"
        box.active = False
    yield Result(f"renumbered folder of {MESSAGES}: bytes", moved / 1e6, total / 1e6, "ratio <= 0.05", "MB")


def _handle_some(env, box):
    """What people do in 200 conversations: assign, note, link."""
    partner = env.ref("base.res_partner_1", raise_if_not_found=False) or env.company.partner_id
    for conversation in env["inbox.conversation"].search([("integration_id", "=", box.id)], limit=200):
        conversation.user_id = env.ref("base.user_admin")
        conversation.inbox_note("Rappeler le client")
        env["inbox.link"].create({"conversation_id": conversation.id, "res_model": partner._name, "res_id": partner.id})
    env.cr.commit()  # the log of the assignments is written with the commit


def _handled(env, box):
    """[(conversation, assigned to, notes, links, mails)] of a mailbox, by ids."""
    env.cr.execute(
        """SELECT c.id, c.user_id,
                  ARRAY(SELECT id FROM mail_message n
                         WHERE n.model = 'inbox.conversation' AND n.res_id = c.id ORDER BY id),
                  ARRAY(SELECT id FROM inbox_link l WHERE l.conversation_id = c.id ORDER BY id),
                  ARRAY(SELECT id FROM inbox_message m WHERE m.conversation_id = c.id ORDER BY id)
             FROM inbox_conversation c WHERE c.integration_id = %s ORDER BY c.id""",
        [box.id],
    )
    return env.cr.fetchall()


def _bytes_of(env, action):
    """IMAP bytes of all passes that an action makes."""
    sync = type(env["inbox.sync"])
    take, moved = sync._take_finished, []

    def counting(self, event, runner, run):
        moved.append(event.bytes_moved)
        return take(self, event, runner, run)

    sync._take_finished = counting
    try:
        action()
    finally:
        sync._take_finished = take
    return sum(moved)


# === FIGURE 8: MEMORY === #


def memory(environment):
    address = "memory@mail.test"
    huge = EmailMessage()
    huge["From"], huge["Subject"], huge["Message-ID"] = "big@example.org", "60 MB", "<60mb@example.org>"
    huge.set_content("See the file.")
    huge.add_attachment(os.urandom(43_000_000), maintype="application", subtype="zip", filename="big.zip")
    many = EmailMessage()
    many["From"], many["Subject"], many["Message-ID"] = "many@example.org", "300 files", "<300@example.org>"
    many.set_content("See the files.")
    for number in range(300):
        many.add_attachment(os.urandom(20_000), maintype="application", subtype="pdf", filename=f"{number}.pdf")
    environment.fill(address, [*make_mails(3000, seed=5), huge.as_bytes(), many.as_bytes(), *make_mails(50, seed=6)])
    with environment.env() as env:
        environment.add_box(env, address)
    sync = partial(_cron_in, environment, "_cron_sync_all", "_cron_backfill")
    added = environment.fork_and_report(lambda report: report.update(peak=_peak_of(sync)))["peak"]
    with environment.env() as env:
        stored = env["inbox.message"].search_count([("integration_id.email_address", "=", address)])
        failed = env["inbox.integration"].search([("last_sync_error", "!=", False)])
        kept = env["inbox.quarantine"].search([])
        assert stored == 3052, (stored, failed.mapped("last_sync_error"), kept.mapped("reason"))
        env["inbox.integration"].search([]).active = False
    yield Result("memory added by a sync with a 60 MB mail", added / 1e6, None, "ours <= 80", "MB")


def _cron_in(environment, *names):
    with environment.env() as env:
        for name in names:
            getattr(env["inbox.integration"], name)()


def _peak_of(action):
    """Bytes of private memory an action adds at its peak."""
    peak, done = 0, threading.Event()

    def private():
        fields = dict(line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
        return 1024 * (int(fields["Private_Dirty"].split()[0]) + int(fields["Private_Clean"].split()[0]))

    before = private()

    def watch():
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    action()
    done.set()
    watcher.join()
    return max(peak, private()) - before


# === FIGURE 2: A THOUSAND ACCOUNTS === #


def accounts(environment):
    healthy = int(ACCOUNTS * (1 - BAD_SHARE))
    with environment.env() as env:
        boxes = env["inbox.integration"].browse()
        for number in range(ACCOUNTS):
            boxes |= environment.add_box(env, f"user{number}@mail.test")
        env.cr.commit()
        env["inbox.integration"]._cron_sync_all()
    target = environment.mail.imap_port
    with SlowLine(target, 0.080) as line, SlowLine(target, 0, "hang") as hang, SlowLine(target, 0, "drip") as drip:
        refusing = 9  # discard: nobody listens there
        ports = [hang.port, drip.port, refusing]
        environment.allow(line.port, *ports)
        runs = [_look_at_all(environment, boxes.ids, healthy, line.port, ports) for _round in range(3)]
    yield Result(
        f"{healthy} healthy of {ACCOUNTS} mailboxes checked at 80 ms", median([r[0] for r in runs]), None, "ours <= 30"
    )
    yield Result("unchanged mailbox: IMAP bytes", max(r[1] for r in runs), None, "ours <= 2048", "bytes")
    yield Result(
        "unchanged mailboxes: rows of folders and messages written", max(r[2] for r in runs), None, "ours <= 0", "rows"
    )


def _look_at_all(environment, ids, healthy, port, bad_ports):
    with environment.env() as env:
        boxes = env["inbox.integration"].browse(ids)
        boxes.write({"next_sync_at": False, "failure_count": 0})
        boxes[:healthy].write({"imap_port": port, "email_password": PASSWORD})
        for index, bad in enumerate(bad_ports):
            boxes[healthy:][index :: len(bad_ports)].write({"imap_port": bad, "email_password": PASSWORD})
        env.cr.commit()
        finished, sizes = {}, {}
        sync = type(env["inbox.sync"])
        take = sync._take_finished

        def timing(self, event, runner, run):
            finished[event.account_id] = time.perf_counter()
            sizes[event.account_id] = event.bytes_moved
            return take(self, event, runner, run)

        writes = _rows_written(env)
        sync._take_finished = timing
        start = time.perf_counter()
        try:
            env["inbox.integration"]._cron_sync_all()
        finally:
            sync._take_finished = take
        env.cr.commit()
        boxes.invalidate_recordset()
        good = boxes[:healthy]
        assert not any(good.mapped("last_sync_error")), good.filtered("last_sync_error")[:1].last_sync_error
        return (
            max(finished[i] for i in good.ids) - start,
            max(sizes[i] for i in good.ids),
            _rows_written(env) - writes,
        )


def _rows_written(env):
    env.cr.commit()
    env.cr.execute("SELECT pg_stat_force_next_flush()")
    env.cr.commit()
    env.cr.execute(
        "SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables WHERE relname IN ('inbox_folder', 'inbox_message')"
    )
    return int(env.cr.fetchone()[0])
