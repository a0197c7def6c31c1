"""What the rights matrix attacks: generated records with a marker in every text, and how its methods are called."""

import inspect
import re

from lokario_cli.paths import ADDONS, ROOT

from .generated_records import GeneratedRecords

MARKER = re.compile(r"zq([apb])\[([a-z._]+)\]")
TEXTS = ("char", "text", "html")
# What programs compute with: a marker there would only break what has to be tried.
MEANT_FOR_PROGRAMS = re.compile(
    r"host|url|address|domain|email|login|slug|path|selector|database|subdomain|network|identity|token|hash|uuid|lang|tz|"
    r"timezone|weekdays|header|uid|secret|key|password|model|code|prefix|digest|vmta|pool|record$|networks|spool|file|proof"
)


NOT_BY_RPC = {"lang", "saas_credentials"}  # another value ends each call: no language, no object of ours
CONTEXT_KEY = re.compile(r"""\benv\.context(?:\.get\(|\[)["'](\w+)""")


def context_keys():
    """Names of the context that our code asks for: a caller of RPC sets any of them."""
    sources = (path.read_text() for addon in ADDONS for path in (ROOT / addon).rglob("*.py"))
    return sorted({name for source in sources for name in CONTEXT_KEY.findall(source)} - NOT_BY_RPC)


class MarkedRecords(GeneratedRecords):
    def is_ours(self, field):
        return field._module in ADDONS

    def mark(self):
        """Write the marker into every text column that no program computes with, past all checks; lay out the bait."""
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
        owner = {"res_model": "res.partner", "res_id": self.one("res.partner", "b")}
        self.bait = self.env["ir.attachment"].create({"name": "bait", "raw": b"bait", **owner}).id
        self.env.cr.commit()

    # === WHAT IS TRIED ON THEM === #

    def temptations(self):
        """Return the context of a caller who wants the program to send him a file and to write to another company."""
        partner = self.one("res.partner", "b")
        given = {"attachment_ids": [(6, 0, [self.bait])], "recipient_ids": [(6, 0, [partner])], "partner_id": partner}
        given |= {"company_id": self.company["b"], "email_cc": "evil@chosen.test"}
        return {f"default_{name}": value for name, value in given.items()}

    def has_taken_the_bait(self):
        self.env.cr.execute(
            """SELECT 1 FROM message_attachment_rel WHERE attachment_id = %s
               UNION ALL SELECT 1 FROM mail_mail WHERE email_cc = 'evil@chosen.test'""",
            [self.bait],
        )
        return bool(self.env.cr.rowcount)

    def targets(self, field):
        """Return what a caller of company a should not be able to refer to by this field."""
        if field.type == "reference":
            return [("res.partner", self.one("res.partner", "b"))]
        return self.ids(field.comodel_name, "pb" if field.comodel_name != "res.users" else "b")

    def public_methods(self, model):
        found = set()
        for kind in type(self.env[model]).mro():
            if kind.__module__.startswith(tuple(f"odoo.addons.{name}." for name in ADDONS)):
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
