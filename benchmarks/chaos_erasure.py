"""People planted in every text of a generated database: after the deletion each is only where the certificate says so.

The database has every module of the platform that installs here. One record of each model that stores texts is made,
the next person's each time, and in each of its texts stand that person's identifiers and another's, who may stay. Each
has files, a session and lines of the log, too. Afterwards a dump, the files and the sessions are read.
"""

import os
import random
from collections import Counter
from unittest.mock import patch

from lokario_cli.console import say
from lokario_cli.paths import SUITE
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.loaded import LoadedOdoo

from .base_environment import open_session
from .dumped_rows import Changes, Dump
from .planted_people import Person, PlantedPeople

POINTS = 60  # people
STAYING = 6  # of them
NIGHTS = 3
# For one country, for machines, for tests; what needs a service or a library that is not here.
LEFT_OUT = ("l10n_", "hw_", "iot_", "theme_", "test_", "account_test", "cloud_storage", "auth_ldap")


def run(points: int, seed: int) -> list[str]:
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        platform = environment.cached_database(_installable(environment), "en_US")
        database = environment.clone(platform, f"lokario_chaos_erasure_{os.getpid()}")
        cluster.psql(f"ALTER DATABASE \"{database}\" SET lock_timeout = '20s'")  # nothing waits for itself
        try:
            environment.run_odoo(database, "-i", ",".join(SUITE), "--stop-after-init")
            odoo = LoadedOdoo(environment, database, log_level="critical")
            try:
                return run_on(odoo, points, seed)
            finally:
                odoo.close()
        finally:
            environment.drop(database)


def _installable(environment) -> list[str]:
    """Every module of the platform that installs here, as the template knows them."""
    known = environment.clone(environment.template(), f"lokario_chaos_erasure_modules_{os.getpid()}")
    try:
        names = environment.cluster.psql("SELECT name FROM ir_module_module WHERE state != 'uninstallable'", known)
    finally:
        environment.drop(known)
    return sorted(name for name in names.split() if name not in SUITE and not name.startswith(LEFT_OUT))


def run_on(odoo: LoadedOdoo, points: int, seed: int) -> list[str]:
    with odoo.env() as env:
        people = _make_people(env, points)
        planted = PlantedPeople(env, people).fill()
        places = sum(map(len, planted.made.values()))
    say(f"      {planted.summary()}")
    staying = random.Random(seed).sample(people, min(STAYING, points // 2))
    going = [person for person in people if person not in staying]
    before = Dump(odoo)
    broken = [] if places > points else [f"only {places} records were made: nothing was tried"]
    with patch.object(odoo.registry["lokario.deletion.plan"], "_obstacles", lambda plan, user: []):
        deletions = _request(odoo, going)
        _process(odoo, deletions)
    after = Dump(odoo)
    return broken + _left(odoo, deletions, after) + _others(odoo, staying, going, before, after)


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


def _left(odoo, deletions, after: Dump) -> list[str]:
    """Where somebody can be read though the certificate does not say that so many rows or files are kept there."""
    broken = []
    with odoo.env() as env:
        for name, deletion_id in deletions.items():
            deletion = env["lokario.account.deletion"].browse(deletion_id)
            if deletion.state != "done":
                broken.append(f"{deletion.name} of {name} is {deletion.state}: {deletion.error_message}")
            held = _held(deletion)
            found = {place: rows for (place, person), rows in after.named.items() if person == name}
            broken += [
                f"{name} can be read in {rows} rows of {place}, {held[place]} are held"
                for place, rows in sorted(found.items())
                if rows > held[place]
            ]
    return broken


def _held(deletion) -> Counter:
    """How many rows of each table the certificate calls kept, with a reason; a kept attachment's file is kept, too."""
    held = Counter()
    for line in (deletion.certificate or {}).get("search", {}).get("found", []):
        if line["outcome"] == "held" and line["reason"]:
            held[line["table"]] += line["rows"]
    held["files"] = held["ir_attachment"]
    return held


def _others(odoo, staying, going, before: Dump, after: Dump) -> list[str]:
    lost = [
        f"{person.name} stays, and was in {before.named['files', person.name]} files and sessions, now in {left}"
        for person in staying
        if (left := after.named["files", person.name]) < before.named["files", person.name]
    ]
    return [*Changes(odoo, before, after, going), *lost]
