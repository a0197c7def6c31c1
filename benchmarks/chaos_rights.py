"""The rights matrix: a marker in every text of every record, every role at every entrance of every model.

Zones: ``a`` is the company of the roles, ``p`` what one of its people keeps private, ``b`` another company and tenant.
Every role reads, lists, names, groups, exports, asks onchanges with, refers to, writes and presses whatever there is,
in a database of its own; afterwards the scheduled actions run and every role reads again. A marker that a role saw, a
record that it changed or planted elsewhere, is a broken promise unless ``rights_allowed.csv`` lists it and says why:
default is no. All of it takes an hour of processor time: ``--part`` names a role.
"""

import base64
import contextlib
import csv
import email
import fnmatch
from collections import Counter
from pathlib import Path
from unittest import mock

from lokario_cli.console import say
from lokario_cli.paths import ADDONS, SUITE
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

from .generated_records import nothing_leaves
from .rights_records import MARKER, MarkedRecords, context_keys
from .rights_routes import paths, session_cookie, visit
from .stable_sample import stable_sample

POINTS = 100_000  # more than there are: all of them
TABLE = Path(__file__).with_name("rights_allowed.csv")
ADDRESS = "evil@chosen.test"  # where every role has mail sent
ROLES = {  # beside them each group of our addons is one
    "public": None,
    "portal": "base.group_portal",
    "plain": "base.group_user",
    "sales": "sales_team.group_sale_salesman",
    "accountant": "account.group_account_invoice",
}
REFERENCES = ("many2one", "many2many", "reference")
READINGS = ("read", "visit")  # repeated after the scheduled actions
LEFT_OUT = {  # they wait for other machines or other databases, which this database has not
    "action_provision_instance",
    "action_build",
    "action_check_dns",
    "action_run_now",
}


def run(points, seed, roles=()):
    with fresh_database("chaos_rights", ",".join(SUITE)) as (environment, database):
        odoo = LoadedOdoo(environment, database, log_level="critical")
        try:
            records = mark(odoo)
            return attack_side_by_side(odoo, records, points, seed, roles)
        finally:
            odoo.close()


def mark(odoo, records=None):
    """Mark the records, which are made unless they are there; who waits for our own open transaction is refused."""
    with odoo.env() as env:
        env.cr.execute(f"ALTER DATABASE \"{odoo.database}\" SET lock_timeout = '100ms'")
        records = records or MarkedRecords(env).fill()
        records.env = env
        records.mark()
        say(f"      {records.summary()}")
    return records


def attack_side_by_side(odoo, records, points, seed, roles=()):
    """Half of the roles in a process and on a copy of the database of its own."""
    environment, copy = odoo.environment, f"{odoo.database}_copy"
    with odoo.env() as env:
        names = list(roles) or list(roles_of(env))
    if len(names) == 1:
        return attack(odoo, records, points, seed, names)
    odoo.close()

    environment.clone(odoo.database, copy)

    def attack_copy(report):
        other = LoadedOdoo(environment, copy, log_level="critical")
        report["broken"] = attack(other, records, points // 2, seed, names[1::2])

    try:
        reading = odoo.fork_and_report_later(attack_copy)
        broken = attack(odoo, records, points // 2, seed, names[::2])
        return sorted({*broken, *reading()["broken"]})
    finally:
        environment.drop(copy)


def attack(odoo, records, points, seed, roles=()):
    with odoo.env() as env:
        roles = roles or list(roles_of(env))
        first = Matrix(env, records, roles)
        calls = [(role, call) for role in roles for call in first.calls(role)]
    chosen = stable_sample(calls, points, seed, name=lambda call: f"{call[0]} {call[1][:3]}")  # without records' ids
    with odoo.env() as env, nothing_leaves():
        matrix = Matrix(env, records, roles)
        for role in roles:
            before = set(matrix.broken)
            matrix.make(call for call in chosen if call[0] == role)
            say("\n".join([f"      {role}: {len(matrix.broken)} found so far", *sorted(matrix.broken - before)]))
    with odoo.env() as env:
        last = Matrix(env, records, roles)
        for role in roles:
            last.take_over_an_instance(role)
    with odoo.env() as env:
        after = Matrix(env, records, roles)
        run_scheduled_actions(env)
        after.make(call for call in chosen if call[1][0] in READINGS)
        after.check_mail_that_left()
    outcomes = ", ".join(f"{count} {name}" for name, count in matrix.outcomes.most_common(6))
    say(f"      {len(chosen)} of {len(calls)} calls as {len(roles)} roles: {outcomes}")
    return sorted(matrix.broken | last.broken | after.broken)


def roles_of(env):
    """Group of each role."""
    owned = env["ir.model.data"].search([("module", "in", list(ADDONS)), ("model", "=", "res.groups")], order="name")
    return {**ROLES, **{data.name.removeprefix("group_"): data.complete_name for data in owned}}


def run_scheduled_actions(env):
    for cron in env["ir.cron"].with_context(active_test=False).search([]):
        if env[cron.model_id.model]._original_module in ADDONS:
            with contextlib.suppress(Exception):  # what fails is another test's matter; what it made is read afterwards
                cron.method_direct_trigger()
                env.cr.commit()
            env.cr.rollback()


class Matrix:
    """One environment's calls, and the promises they broke."""

    def __init__(self, env, records, roles):
        self.env, self.records, self.broken, self.outcomes = env, records, set(), Counter()
        records.env = env
        with TABLE.open() as file:
            self.allowed = list(csv.DictReader(file))
        self.paths, self.cookies, self.context_keys = paths(env), {}, context_keys()
        self.fields = {}  # (role, model): names that the role may know
        groups = roles_of(env)
        self.users = {role: self._user(role, groups[role]) for role in roles}

    def _user(self, role, group):
        if not group:
            return self.env.ref("base.public_user")
        users = self.env["res.users"].with_context(no_reset_password=True)
        company = self.env["res.company"].browse(self.records.company["a"])
        values = {"name": role, "login": f"rights-{role}", "email": ADDRESS, "company_id": company.id}
        groups = {"group_ids": [(6, 0, self.env.ref(group).ids)], "company_ids": [(6, 0, company.ids)]}
        return users.search([("login", "=", values["login"])]) or users.create({**values, **groups})

    def as_role(self, role, model):
        """The model as an ordinary caller of the web client has it: his companies, his rights."""
        user = self.users[role]
        return self.env[model].with_user(user).with_context(allowed_company_ids=user.company_ids.ids)

    def is_allowed(self, role, model, zone):
        return any(
            fnmatch.fnmatch(role, row["role"]) and fnmatch.fnmatch(model, row["models"]) and zone in row["zones"]
            for row in self.allowed
        )

    def check(self, role, what, answer):
        """Note every marker in an answer that the table does not allow."""
        for zone, model in set(MARKER.findall(text_of(answer))):
            if not self.is_allowed(role, model, zone):
                self.broken.add(f"{role}: {what} shows {model} of zone {zone}")

    def make(self, calls):
        for role, (kind, *arguments) in calls:
            getattr(self, f"do_{kind}")(role, *arguments)

    # === WHAT IS CALLED === #

    def calls(self, role):
        """Yield (kind, *arguments) of all that this role tries; its own writes come last, so that nothing hides."""
        for method, path in self.paths:
            yield ("visit", method, path)
        for model in self.records.models:
            yield ("read", model)
            yield ("pretend", model)
            yield ("press", model)
            yield from self.references_of(role, model)

    def references_of(self, role, model):
        """Yield the calls with each foreign target; where the role has no right at all to the model, with the first."""
        found = [
            (model, field, target)
            for field in self.references(model)
            for target in self.records.targets(self.env[model]._fields[field])
        ]
        may = {operation: self.as_role(role, model).has_access(operation) for operation in ("create", "write")}
        for kind, is_open in (("onchange", any(may.values())), *may.items()):
            for arguments in found if is_open else found[:1]:
                yield (kind, *arguments)

    def references(self, model):
        fields = self.env[model]._fields.values()
        return [
            field.name
            for field in fields
            if field.type in REFERENCES and self.records.is_ours(field) and (field.store or field.inverse)
        ]

    @contextlib.contextmanager
    def attempt(self, keep=False):
        """A call that may be refused in whichever way; its changes stay only if it succeeds and `keep`."""
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            yield
            self.env.flush_all()
            savepoint.close(rollback=not keep)
            self.outcomes["answered"] += 1
        except Exception as error:  # noqa: BLE001 a refusal: what matters is what was seen and changed
            savepoint.close(rollback=True)
            self.outcomes[type(error).__name__] += 1
        self.env.transaction.clear()
        self.env.cr.postcommit.clear()  # mails of what was rolled back

    def do_read(self, role, model):
        records = self.as_role(role, model)
        names = []
        with self.attempt():
            names = self.names(role, model)
        with self.attempt():
            self.check_records(role, records.search([], limit=200), names)
        for record_id in self.records.ids(model):
            with self.attempt():
                self.check_records(role, records.browse(record_id), names)
        with self.attempt():
            self.check(role, f"{model}.name_search", records.name_search("", limit=200))
        for name in self.references(model):
            with self.attempt():
                rows = records.formatted_read_group([], [name], ["__count"])
                self.check(role, f"{model}.formatted_read_group({name})", rows)

    def do_pretend(self, role, model):
        """Read what one should not, with every name of the context that our code knows."""
        given = dict.fromkeys(self.context_keys, self.records.ids("engine.tenant") or [1])
        records = self.as_role(role, model).with_context(active_test=False, **given)
        with self.attempt():
            self.check(role, f"{model}.search_read, pretending,", records.search_read([], limit=200))

    def check_records(self, role, records, names):
        """Read all at once; where something is refused, each field of each record: one hides no other."""
        try:
            rows = records.read(names)
        except Exception:  # noqa: BLE001 whatever refuses one field may show another
            if len(records) > 1:
                for record in records:
                    self.check_records(role, record, names)
                return
            rows = []
            for name in names if records.has_access("read") else ():
                with self.attempt():
                    rows += records.read([name])
        for name in names:
            self.check(role, f"{records._name}.{name}", [row[name] for row in rows if name in row])

    def do_visit(self, role, method, path):
        with self.attempt():
            cookie = self.cookies.get(role) or session_cookie(self.env, self.users[role])
            self.cookies[role] = cookie
            status, body = visit(cookie, method, path)
            self.check(role, f"{method} {path}", body)
            if status >= 500:
                self.broken.add(f"{role}: {method} {path} answers {status}")

    def do_onchange(self, role, model, field, target):
        with self.attempt():
            spec = {field: {"fields": {"display_name": {}}}} if field else {}
            value = [[4, target]] if self.env[model]._fields[field].type == "many2many" else target
            answer = self.as_role(role, model).onchange({field: value}, [field], spec)
            self.check(role, f"{model}.onchange({field})", answer)

    def do_create(self, role, model, field, target):
        with self.attempt(keep=True):
            values = {**self.own_values(role, model), **self.reference_value(model, field, target)}
            if "email_to" in self.env[model]._fields:
                values |= {"email_to": ADDRESS, "kind": "forward"}
            record = self.as_role(role, model).create(values)
            self.check_own(role, record, f"create({field})")
            if hasattr(record, "action_send"):
                record.action_send()
        with self.attempt():
            given = {f"default_{name}": value for name, value in self.reference_value(model, field, target).items()}
            own = {name: value for name, value in self.own_values(role, model).items() if name != field}
            record = self.as_role(role, model).with_context(**given).create(own)
            self.check_own(role, record, f"create(default_{field} of the context)")

    def own_values(self, role, model):
        """What the role would create for itself: its own name where a person's is asked for."""
        fields, user = self.env[model]._fields, self.users[role]
        values = self.records.values(model, "a")
        return {name: user.id if fields[name].comodel_name == "res.users" else value for name, value in values.items()}

    def own_record(self, role, model):
        with self.attempt(keep=True):
            return self.as_role(role, model).create(self.own_values(role, model)).ids
        return []

    def do_write(self, role, model, field, target):
        for record_id in self.records.ids(model, "a") + self.own_record(role, model):
            with self.attempt():
                record = self.as_role(role, model).browse(record_id)
                record.write(self.reference_value(model, field, target))
                self.check_own(role, record, f"write({field})")
                for name in self.methods(model):
                    with self.attempt():
                        self.check(role, f"{model}.{name} after write({field})", getattr(record, name)())

    def check_own(self, role, record, what):
        """What a role made or changed is still where it may write, and shows nothing of others."""
        self.env.flush_all()
        self.env.invalidate_all()
        if not record.has_access("read"):
            self.broken.add(f"{role}: {record._name}.{what} plants a record elsewhere")
        self.check_records(role, record, self.names(role, record._name))

    def names(self, role, model):
        if (role, model) not in self.fields:
            self.fields[role, model] = list(self.as_role(role, model).fields_get(attributes=["type"]))
        return self.fields[role, model]

    def reference_value(self, model, field, target):
        definition = self.env[model]._fields[field]
        if definition.type == "many2many":
            return {field: [(4, target)]}
        return {field: f"{target[0]},{target[1]}" if definition.type == "reference" else target}

    def methods(self, model):
        return self.records.public_methods(model)

    def do_press(self, role, model):
        """Call every public method on every record; a row of where the role may not be stays as it was."""
        for name in self.methods(model):
            if name in LEFT_OUT:
                continue
            for zone in "abp":
                for record_id in self.records.ids(model, zone)[:1]:
                    before = self.row(model, record_id)
                    with self.attempt():
                        record = self.as_role(role, model).browse(record_id)
                        answer = getattr(record, name)(*self.records.arguments(model, name))
                        self.check(role, f"{model}.{name}", answer)
                        self.env.flush_all()
                        if not self.is_allowed(role, model, zone) and self.row(model, record_id) != before:
                            self.broken.add(f"{role}: {model}.{name} changes a record of zone {zone}")
            self.tempt(role, model, name)

    def tempt(self, role, model, name):
        """Call it on the first record that the role may read, with foreign default values in the context."""
        theirs = self.as_role(role, model).browse(self.records.ids(model, "a")[:1])
        with self.attempt():
            theirs.check_access("read")
            before = self.row("res.company", self.records.company["b"])
            getattr(theirs.with_context(**self.records.temptations()), name)(*self.records.arguments(model, name))
            self.env.flush_all()
            if self.records.has_taken_the_bait() or self.row("res.company", self.records.company["b"]) != before:
                self.broken.add(f"{role}: {model}.{name} takes default values of its caller's context")

    def row(self, model, record_id):
        self.env.cr.execute(f"SELECT md5(t::text) FROM {self.env[model]._table} t WHERE id = %s", [record_id])
        return self.env.cr.fetchone()

    def take_over_an_instance(self, role):
        """Name oneself the client of a running instance and have its credentials sent."""
        (instance_id,) = self.records.ids("saas.instance", "a") or [0]
        instance = self.env["saas.instance"].browse(instance_id)
        if not instance.exists():
            self.broken.add("the matrix has no instance to take over")
            return
        client = self.env["res.partner"].browse(self.records.ids("res.partner", "a")[0])
        client.email = "client@zone.test"
        pinned = {"credentials_email": client.email} if "credentials_email" in instance._fields else {}
        instance.partner_id = client
        instance._set_guarded(state="active", is_deployed=True, **pinned)
        self.env["saas.instance.mail"].search([]).unlink()
        self.env.cr.commit()
        with contextlib.suppress(Exception), quiet_instances(self.env):
            own = self.as_role(role, "saas.instance").browse(instance_id)
            own.partner_id = self.users[role].partner_id
            self.env.flush_all()
            self.env.cr.commit()
            own.action_send_credentials()
        self.env.cr.rollback()
        self.env.transaction.clear()
        mails = self.env["saas.instance.mail"].search([("kind", "=", "provisioned"), ("email_to", "=", ADDRESS)])
        if mails and not self.users[role].has_group("saas_manager.group_saas_manager_manager"):
            self.broken.add(f"{role}: credentials of a client's instance leave to an address it chose")

    # === AFTERWARDS === #

    def check_mail_that_left(self):
        """No marker stands in a mail to the address that the roles chose, as it left or would have left."""
        for role, user in self.users.items():
            for mail in self.env["inbox.outgoing"].search([("author_id", "=", user.id)]):
                self.check(
                    role,
                    "inbox.outgoing, as it leaves,",
                    [mail.mail_id.raw, mail.env["inbox.composition"]._full_html(mail)],
                )


@contextlib.contextmanager
def quiet_instances(env):
    """The databases of instances are not there: what is done in them is not what is tried."""
    kind = env.registry["saas.instance"]
    with (
        mock.patch.object(kind, "_renew_password", lambda instance: None),
        mock.patch.object(kind, "_alone", lambda instance, *given: contextlib.nullcontext(instance)),
    ):
        yield


def text_of(answer):
    """Everything of an answer as text, files and mails decoded."""
    if isinstance(answer, dict):
        return " ".join(text_of(item) for pair in answer.items() for item in pair)
    if isinstance(answer, list | tuple | set):
        return " ".join(map(text_of, answer))
    if isinstance(answer, bytes):
        with contextlib.suppress(ValueError):
            answer = base64.b64decode(answer, validate=True)
        parts = [part.get_payload(decode=True) or b"" for part in email.message_from_bytes(answer).walk()]
        return b" ".join([answer, *parts]).decode(errors="replace")
    return str(answer)
