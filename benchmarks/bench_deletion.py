"""1,000 account deletions that are due in the same night, the search of a database of 2 GB included.

Nothing comparable exists: Odoo deletes none of the data.
"""

from lokario_testing.results import Result, seconds

from .base_environment import base_environment, resident_bytes

ACCOUNTS = 1000
MEGABYTE = 1024 * 1024
SIZE = 2048 * MEGABYTE  # of the database
FILL, ROWS = 1800, 20_000  # letters of a message: PostgreSQL compresses longer ones; rows a statement
# Of a day: messages, each fifth with a change of who is responsible, each hundredth about a new contact.
GROWTH = (
    """INSERT INTO mail_message (message_type, model, res_id, body, date, create_uid, write_uid)
       SELECT 'comment', 'res.partner', 1, %(text)s || n, now(), 2, 2 FROM generate_series(1, %(rows)s) n""",
    """INSERT INTO mail_tracking_value (mail_message_id, field_id, old_value_integer, old_value_char)
       SELECT m.id, f.id, 1, 'Somebody Else'
         FROM (SELECT id FROM mail_message ORDER BY id DESC LIMIT %(rows)s / 5) m,
              (SELECT id FROM ir_model_fields WHERE relation = 'res.users' AND name = 'user_id' LIMIT 1) f""",
    """INSERT INTO res_partner
       SELECT (jsonb_populate_record(p, jsonb_build_object(
                  'id', n, 'name', 'Client ' || n, 'complete_name', 'Client ' || n, 'commercial_partner_id', n,
                  'email', n || '@clients.example', 'phone', '+33 1 ' || n * 1000))).*
         FROM res_partner p, (SELECT nextval('res_partner_id_seq') AS n FROM generate_series(1, %(rows)s / 100)) s
        WHERE p.id = %(like)s""",
)
MESSAGE = "<p>Bonjour, votre commande a été expédiée : https://suivi.example/p?n=84312 ou 01 23 45 67 89.</p>"


def run() -> list[Result]:
    with base_environment("lokario_bench_deletion") as environment:
        environment.due_deletions(5, "warm")
        environment.process()
        size = _fill(environment)
        ids = environment.due_deletions(ACCOUNTS, "due")
        before = resident_bytes()
        elapsed = seconds(lambda: _night(environment))
        grown = (resident_bytes() - before) / MEGABYTE
        with environment.env() as env:
            done = env["lokario.account.deletion"].search_count([("id", "in", ids), ("state", "=", "done")])
    return [
        Result(f"deletion: {ACCOUNTS} accounts", elapsed, None, "ours <= 200"),
        Result("deletion: memory grown", grown, None, "ours <= 100", "MB"),
        Result("deletion: done", done, None, f"ours >= {ACCOUNTS}", "accounts"),
        Result("deletion: size of the database", size / MEGABYTE, None, f"ours >= {SIZE // MEGABYTE}", "MB"),
    ]


def _night(environment):
    """Run the job as Odoo's scheduler and the URL do: for ten seconds at a time, until nothing is left."""
    from odoo.addons.lokario_base.models.ir_cron import _run_job_until_done

    with environment.env() as env:
        job = env.ref("lokario_account.ir_cron_account_deletions")
        job.active = True
    _run_job_until_done(environment.database, job.id)


def _fill(environment) -> int:
    """Let the database grow to its size with messages that other people wrote; return how large it is."""
    values = {"text": (MESSAGE * FILL)[:FILL], "rows": ROWS}
    with environment.env() as env:
        values["like"] = env["res.partner"].create({"name": "Client"}).id
    while True:
        with environment.env() as env:
            env.cr.execute("SELECT pg_database_size(current_database())")
            if (size := env.cr.fetchone()[0]) >= SIZE:
                return size
            for statement in GROWTH:
                env.cr.execute(statement, values)
