"""People planted in every text of a generated database: after the deletion each is only where the certificate says so.

The database has every module of the platform that installs here. One record of each model that stores texts is made,
the next person's each time, and in each of its texts stand that person's identifiers and another's, who may stay.
"""

import random
import re
import subprocess
from collections import Counter, defaultdict
from unittest.mock import patch

from lokario_cli.setup.postgres import ODOO_ROLE, binaries
from lokario_testing.environments.databases import data_folder
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

from .base_environment import open_session
from .planted_people import Person, PlantedPeople

POINTS = 60  # people
STAYING = 6  # of them
NIGHTS = 3
# For one country, for machines, for tests; what needs a service or a library that is not here.
LEFT_OUT = ("l10n_", "hw_", "iot_", "theme_", "test_", "account_test", "cloud_storage", "auth_ldap")
SUITE = "lokario_billing,lokario_inbox,lokario_account,saas_manager,email_engine_campaign,lokario_contact"
TOKEN = re.compile(rb"(person\d{4})(?:@|%40)canari|\+336(\d{4})\2")


def run(points: int, seed: int) -> list[str]:
    with fresh_database("lokario_chaos_erasure", SUITE) as (environment, database):
        environment.cluster.psql(f"ALTER DATABASE \"{database}\" SET lock_timeout = '20s'")  # nothing waits for itself
        environment.run_odoo(database, "-i", ",".join(_installable(environment, database)), "--stop-after-init")
        odoo = LoadedOdoo(environment, database, log_level="critical")
        try:
            return run_on(odoo, points, seed)
        finally:
            odoo.close()


def _installable(environment, database) -> list[str]:
    names = environment.cluster.psql("SELECT name FROM ir_module_module WHERE state = 'uninstalled'", database).split()
    return sorted(name for name in names if not name.startswith(LEFT_OUT))


def run_on(odoo: LoadedOdoo, points: int, seed: int) -> list[str]:
    with odoo.env() as env:
        people = _make_people(env, points)
        planted = PlantedPeople(env, people).fill()
        places = sum(map(len, planted.made.values()))
    staying = random.Random(seed).sample(people, min(STAYING, points // 2))
    going = [person for person in people if person not in staying]
    _, before = _found(odoo)
    broken = [] if places > points else [f"only {places} records were made: nothing was tried"]
    with patch.object(odoo.registry["lokario.deletion.plan"], "_obstacles", lambda plan, user: []):
        deletions = _request(odoo, going)
        _process(odoo, deletions)
    found, after = _found(odoo)
    return broken + _left(odoo, deletions, found) + _changed(staying, before, after)


def _make_people(env, points) -> list[Person]:
    users = env["res.users"].with_context(no_reset_password=True, tracking_disable=True)
    names = [f"person{number:04}" for number in range(points)]
    made = users.create(
        [{"name": name, "login": f"{name}@canari.example", "email": f"{name}@canari.example"} for name in names]
    )
    people = [Person(user.name, user.id, user.partner_id.id) for user in made]
    for person, user in zip(people, made, strict=True):
        user.partner_id.phone = person.phone
        open_session(env.cr.dbname, user)
    return people


def _request(odoo, going) -> dict[str, int]:
    """Ask for every deletion; generated documents are nobody's debts, and what is owned stays the company's."""
    with odoo.env() as env:
        plan, deletions = env["lokario.deletion.plan"], {}
        for person in going:
            user = env["res.users"].browse(person.user)
            choices = {owned.key: _choice(env, owned) for owned in plan._belongings(user)}
            deletion = env["lokario.account.deletion"]._create_waiting(user, False, choices)
            deletion._set_scheduled()
            deletion.deletion_scheduled_at = "2020-01-01"
            deletions[person.name] = deletion.id
        return deletions


def _choice(env, owned):
    """What its owner could choose; what he has to give away first is given to the company."""
    if not owned.possible:
        env[owned.model].browse(owned.ids).write({"partner_id": env.company.partner_id.id})
        return None, False
    choice = owned.default or owned.possible[0]
    return choice, owned.heirs[0] if choice == "hand_over" else False


def _process(odoo, deletions):
    """Run the job; a manager erases what no rule knows, and keeps what cannot be changed."""
    for _night in range(NIGHTS):
        with odoo.env() as env:
            env["lokario.account.deletion"]._cron_process()
        with odoo.env() as env:
            residues = env["lokario.account.deletion"].browse(deletions.values()).residue_ids
            open_ones = residues.filtered(lambda residue: residue.outcome == "open")
            if not open_ones:
                return
            open_ones._erase()
            open_ones.filtered(lambda residue: residue.outcome == "open").write({"outcome": "held", "reason": "a test"})


def _left(odoo, deletions, after) -> list[str]:
    broken = []
    with odoo.env() as env:
        for name, deletion_id in deletions.items():
            deletion = env["lokario.account.deletion"].browse(deletion_id)
            if deletion.state != "done":
                broken.append(f"{deletion.name} of {name} is {deletion.state}: {deletion.error_message}")
            found = (deletion.certificate or {}).get("search", {}).get("found", [])
            held = {line["table"] for line in found if line["outcome"] == "held"}
            places = {place for place, person in after if person == name}
            broken += [f"{name} can be read in {place}" for place in sorted(places - held)]
    return broken


def _changed(staying, before, after) -> list[str]:
    return [
        f"{person.name} stays, and had {len(rows)} rows in {place}, now {len(after[place, name])}: {rows[0][:300]!r}"
        for person in staying
        for (place, name), rows in before.items()
        if name == person.name and len(after[place, name]) < len(rows) and not place.startswith(TRANSIENT)
    ]


TRANSIENT = ("bus_bus", "ir_logging", "res_device_log", "mail_push")  # what names somebody else, too, goes whole


def _found(odoo) -> tuple[Counter, dict[tuple[str, str], list[bytes]]]:
    """How often each person stands in each table and file, and which rows of a table are whose: the first named."""
    program = [str(binaries() / "pg_dump"), "-h", odoo.environment.cluster.socket, "-U", ODOO_ROLE, "--data-only"]
    dumped = subprocess.run([*program, odoo.database], check=True, capture_output=True).stdout
    found, owned, table = Counter(), defaultdict(list), ""
    for line in dumped.splitlines():
        if line.startswith(b"COPY "):
            table = line.split()[1].decode().removeprefix("public.")
        people = _people_in(line)
        found.update((table, name) for name in people)
        for name in people[:1]:
            owned[table, name].append(line)
    with odoo.env() as env:
        env["ir.attachment"]._gc_file_store_unsafe()
    for folder in (data_folder() / "filestore" / odoo.database, data_folder() / "sessions"):
        for path in filter(lambda path: path.is_file(), folder.rglob("*")):
            content = path.read_bytes()
            if folder.name != "sessions" or odoo.database.encode() in content:  # sessions of other databases stay
                found.update((folder.name, name) for name in _people_in(content))
    return found, owned


def _people_in(content: bytes) -> list[str]:
    return [(email or b"person" + phone).decode() for email, phone in TOKEN.findall(content)]
