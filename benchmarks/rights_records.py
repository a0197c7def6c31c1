"""What the rights matrix attacks: a record of every model in every zone, a marker in every text of it."""

import inspect
import re
import uuid
from datetime import date, datetime

MARKER = re.compile(r"zq([apb])\[([a-z._]+)\]")
MAGIC = {"id", "create_uid", "create_date", "write_uid", "write_date"}
TEXTS = ("char", "text", "html")
# What programs compute with: a marker there would only break what has to be tried.
MEANT_FOR_PROGRAMS = re.compile(
    r"host|url|address|domain|email|login|slug|path|selector|database|subdomain|network|identity|token|hash|uuid|lang|tz|"
    r"timezone|weekdays|header|uid|secret|key|password|model|code|prefix|digest|vmta|pool|record$|networks|spool|file|proof"
)
HINTS = {
    "email": "someone@zone.test",
    "email_address": "box{n}@zone.test",
    "from_email": "news@zone{n}.test",
    "email_to": "someone@zone.test",
    "base_url": "https://ai.zone.test/v1",
    "url": "https://hook.zone.test/",
    "address": "192.0.2.{n}",
    "hostname": "mail{n}.zone.test",
    "slug": "zone-{n}",
    "name": "zone{n}.test",
    "subdomain": "zone{n}",
    "base_domain": "zone{n}.test",
    "res_model": "res.partner",
    "kind": None,
}


class Records:
    def __init__(self, env):
        self.env = env
        modules = env["ir.module.module"].search([("author", "=", "Lokario"), ("state", "=", "installed")])
        self.ours = set(modules.mapped("name"))
        self.company, self.owner, self.made, self.unmade, self.counter = {}, {}, {}, {}, 0
        own = (name for name, model in env.registry.items() if self._is_stored(model))
        self.models = [*sorted(own), "res.company", "res.partner", "res.users"]

    def _is_stored(self, model):
        return model._auto and not model._abstract and model._original_module in self.ours

    def is_ours(self, field):
        return field._module in self.ours

    def summary(self):
        lost = ", ".join(sorted(set(self.unmade)))
        return f"{sum(map(len, self.made.values()))} records of {len(self.models)} models; none of: {lost or '-'}"

    # === RECORDS === #

    def fill(self):
        for zone, name in (("a", "Alpha"), ("b", "Beta")):
            company = self.env["res.company"].create({"name": name})
            self.company[zone] = company.id
        self.company["p"] = self.company["a"]
        groups = "lokario_inbox.group_lokario_inbox_manager"
        for zone in "apb":
            company = self.company[zone]
            user = (
                self.env["res.users"]
                .with_context(no_reset_password=True)
                .create(
                    {
                        "name": f"owner {zone}",
                        "login": f"owner-{zone}",
                        "email": f"owner-{zone}@zone.test",
                        "company_id": company,
                        "company_ids": [(6, 0, [company])],
                        "group_ids": [(6, 0, self.env.ref(groups).ids)],
                    }
                )
            )
            self.owner[zone] = user.id
            self.made["res.users", zone] = user.ids
            self.made["res.company", zone] = [company] if zone != "p" else []
            for model in self.models:
                self.one(model, zone)
        self.env.flush_all()
        self.mark()
        self.env.cr.commit()

    def one(self, model, zone):
        """Return the id of the zone's record of a model, made at first use; False if it cannot be made."""
        if (model, zone) not in self.made:
            self.made[model, zone] = []  # a circle ends here
            savepoint = self.env.cr.savepoint()
            try:
                record = self.env[model].with_company(self.company[zone]).create(self.values(model, zone))
                self.env.flush_all()
                self.made[model, zone] = record.ids
                savepoint.close(rollback=False)
            except Exception as error:  # noqa: BLE001 reported: what cannot be made is not tried
                savepoint.close(rollback=True)
                self.env.invalidate_all(flush=False)
                self.unmade[model] = str(error)
        return (self.made[model, zone] or [False])[0]

    def values(self, model, zone):
        """Return values for a record of the zone: what is required, and what puts it there."""
        self.counter += 1
        found = {}
        for name, field in self.env[model]._fields.items():
            placed = name in ("company_id", "tenant_id", "partner_id", "user_id", "integration_id", "conversation_id")
            if not field.store or field.related or name in MAGIC or field.type == "one2many":
                continue
            if field.compute and not field.inverse and field.readonly:
                continue
            if placed or (field.required and (field.default is None or field.type == "many2one")):
                value = self.value(field, zone)
                if value:
                    found[name] = value
        if model == "inbox.integration":
            found |= {
                "visibility": "private" if zone == "p" else "shared",
                "email_password": "x",
                "imap_host": "h.test",
            }
        if model == "res.partner":
            found |= {"name": f"partner {zone}", "email": f"partner-{zone}@zone.test"}
        if model == "lokario.followup":
            found["kind"] = (
                "manual" if "manual" in dict(self.env[model]._fields["kind"].selection) else found.get("kind")
            )
        return found

    def value(self, field, zone):
        if field.type == "many2one":
            special = {"res.company": self.company, "res.users": self.owner}.get(field.comodel_name)
            if special:
                return special[zone]
            if field.comodel_name in self.models:
                return self.one(field.comodel_name, zone)
            return self.env[field.comodel_name].sudo().search([], limit=1).id
        if field.type == "selection":
            return next(iter(dict(field._description_selection(self.env))), None)
        if field.type == "many2one_reference":
            return self.one("res.partner", zone)
        plain = {"integer": 1, "float": 1.0, "monetary": 1.0, "boolean": False, "json": {}}
        dated = {"date": date(2026, 1, 1), "datetime": datetime(2026, 1, 1)}
        if field.type in TEXTS:
            return (HINTS.get(field.name) or f"{field.name}-{uuid.uuid4().hex[:8]}").format(n=self.counter % 250 + 1)
        return {**plain, **dated, "binary": b"eA=="}.get(field.type)

    def mark(self):
        """Write the marker into every text column that no program computes with, past all checks."""
        for (model, zone), ids in self.made.items():
            table = self.env[model]._table
            for field in self.env[model]._fields.values():
                wanted = field.store and field.type in TEXTS and type(field).__name__ != "Secret"
                core = model in ("res.company", "res.users") and not self.is_ours(field)
                if not ids or not wanted or core or field.translate or MEANT_FOR_PROGRAMS.search(field.name):
                    continue
                if field.related or not field.column_type or field.column_type[0] not in ("varchar", "text"):
                    continue
                text = f"zq{zone}[{model}]"
                self.env.cr.execute(f'UPDATE "{table}" SET "{field.name}" = %s WHERE id = ANY(%s)', [text, ids])
        self.env.invalidate_all(flush=False)

    # === WHAT IS TRIED ON THEM === #

    def ids(self, model, zones="apb"):
        return [record_id for zone in zones for record_id in self.made.get((model, zone), [])]

    def targets(self, field):
        """Return what a caller of company a should not be able to refer to by this field."""
        if field.type == "reference":
            return [("res.partner", self.one("res.partner", "b"))]
        return self.ids(field.comodel_name, "pb" if field.comodel_name != "res.users" else "b")

    def public_methods(self, model):
        found = set()
        for kind in type(self.env[model]).mro():
            if kind.__module__.startswith(tuple(f"odoo.addons.{name}." for name in self.ours)):
                found |= {name for name, value in vars(kind).items() if name[0] != "_" and inspect.isfunction(value)}
        return sorted(found - {"create", "write", "unlink", "init", "copy", "onchange", "message_update"})

    def arguments(self, model, name):
        """Return something for each argument that a method demands."""
        parameters = list(inspect.signature(getattr(type(self.env[model]), name)).parameters.values())[1:]
        needed = [
            p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        known = {"values": {}, "body": "x", "until": "2030-01-01 00:00:00", "send_at": "2030-01-01 00:00:00"}
        return [known.get(p.name, self.one(model, "a") or 1) for p in needed]
