"""Records of every model of ours, for what tries everything: two companies, two tenants, shared and private ones.

Three of each model, one a zone: ``a`` belongs to a company, ``p`` is what one of its people keeps private (with a
tenant of his own), ``b`` belongs to another company. A record has a value in every field that a person may set; where a
model refuses that, in the required ones. `refused` names what could not be made, with the reason.
"""

import contextlib
import socket
from datetime import date, datetime, timedelta
from unittest import mock

from lokario_cli.paths import ADDONS

ZONES = "apb"
COMPANIES = {"a": ("Atelier Lumière", "base.fr", "base.EUR"), "b": ("Maison Étoile", "base.ch", "base.CHF")}
OWNERS_GROUP = "lokario_inbox.group_lokario_inbox_manager"
MAGIC = {"id", "create_uid", "create_date", "write_uid", "write_date"}
SHARED_MODELS = ("res.company", "res.partner", "res.users")  # core's, with fields of ours
DOCUMENTS = ("account.move", "sale.order", "project.task", "calendar.event", "fetchmail.server")
LOCK_TIMEOUT = "3s"
LATE = timedelta(days=30)
TEXT_TYPES = ("char", "text", "html")
LINK_TYPES = ("many2one", "many2many", "many2one_reference", "reference")
# Models whose records nobody can make, with the reason.
NOT_MADE: dict[str, str] = {}
PICTURE = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
# What a model's records are about, other than a customer.
DOCUMENT_OF = {
    "lokario.delivery": "account.move",
    "lokario.due.notice": "account.move",
    "mailbox.outgoing": "inbox.outgoing",
}
# What one field has to be: a value, or one a zone; {n} is a number of its own, {zone} the zone.
EXACT = {
    "account.move.move_type": "out_invoice",
    "account.move.invoice_date": "2026-01-15",
    "account.move.invoice_line_ids": [(0, 0, {"name": "Work", "quantity": 1, "price_unit": 120, "tax_ids": [(5,)]})],
    "calendar.event.privacy": {"a": "public", "p": "private", "b": "public"},
    "engine.dkim.key.selector": "s{n}",
    "engine.domain.name": "d{n}.example.test",
    "engine.api.key.areas": "quotas",
    "engine.ip.address": {"a": "93.184.216.34", "p": "93.184.216.35", "b": "93.184.216.36"},
    "engine.ip.hostname": "mail{n}.example.test",
    "engine.provider.domains": "d{n}.example.test",
    "engine.provider.name": "provider{n}",
    "engine.webhook.source.networks": "93.184.216.0/24",
    "inbox.answer.intent.code": "question_{zone}",
    "inbox.integration.alias_addresses": "alias{n}@example.test",
    "inbox.integration.visibility": {"a": "shared", "p": "private", "b": "shared"},
    "lokario.followup.promise.promised_for": f"{date.today() + timedelta(days=7)}",
    "lokario.penalty.rate.starts_on": {"a": "2031-01-01", "p": "2031-07-01", "b": "2032-01-01"},
    "res.partner.email": "partner-{zone}@example.test",
    "res.partner.name": "partner {zone}",
}
GIVEN = {  # no column requires them, a record is nothing without them
    "account.move.partner_id",
    "calendar.event.user_id",
    "engine.campaign.template_id",
    "res.partner.company_id",
}
# What a text has to look like, by a part of its field's name.
TEXTS = {
    "email": "n{n}@example.test",
    "login": "n{n}@example.test",
    "address": "n{n}@example.test",
    "domain": "d{n}.example.test",
    "subdomain": "sub{n}",
    "host": "h{n}.example.test",
    "url": "https://d{n}.example.test/",
    "ip": "192.0.2.{n}",
    "slug": "slug-{n}",
    "code": "code{n}",
    "prefix": "p{n}-",
    "lang": "fr_FR",
    "tz": "Europe/Paris",
}


class GeneratedRecords:
    def __init__(self, env):
        self.env = env
        self.company, self.owner = {}, {}
        self.made, self.refused, self.reduced = {}, {}, {}
        self.counter = 0
        self.models = [*our_models(env), *SHARED_MODELS]

    def fill(self):
        """Make everything; committed, so that what takes a connection of its own sees it."""
        self.env.cr.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        with nothing_leaves():
            self._make_companies()
            for zone in ZONES:
                for model in (*DOCUMENTS, *self.models):
                    self.one(model, zone)
                    self.env.cr.commit()
        return self

    def summary(self):
        total = sum(map(len, self.made.values()))
        refused = "".join(f"\n      none of {model} ({zone}): {why}" for (model, zone), why in self.refused.items())
        return f"{total} records of {len(self.models)} models{refused}"

    def ids(self, model, zones=ZONES):
        return [record_id for zone in zones for record_id in self.made.get((model, zone), [])]

    def companies(self):
        return [self.company[zone] for zone in COMPANIES]

    def unexplained(self):
        """What could not be made though nothing says why it cannot."""
        return {place: why for place, why in self.refused.items() if place[0] not in NOT_MADE}.items()

    # === PLACES === #

    def _make_companies(self):
        for zone, (name, country, currency) in COMPANIES.items():
            self.env.ref(currency).active = True
            values = {"name": name, "country_id": self.env.ref(country).id, "currency_id": self.env.ref(currency).id}
            Company = self.env["res.company"].with_context(chart_template_load=True)  # installs no country's modules
            company = Company.create(values).with_env(self.env)
            make_ledger(self.env, company)
            self.company[zone] = company.id
        self.company["p"] = self.company["a"]
        for zone in ZONES:
            self.owner[zone] = self._make_owner(zone).id
            self.made["res.users", zone] = [self.owner[zone]]
            self.made["res.company", zone] = [self.company[zone]] if zone in COMPANIES else []

    def _make_owner(self, zone):
        company = self.company[zone]
        values = {
            "name": f"owner {zone}",
            "login": f"owner-{zone}@example.test",
            "email": f"owner-{zone}@example.test",
            "company_id": company,
            "company_ids": [(6, 0, [company])],
            "group_ids": [(6, 0, self.env.ref(OWNERS_GROUP).ids)],
        }
        return self.env["res.users"].with_context(no_reset_password=True).create(values)

    # === RECORDS === #

    def one(self, model, zone):
        """Return the id of the zone's record of a model, made at first use; False when it cannot be made."""
        if (model, zone) not in self.made:
            self.made[model, zone] = []  # a circle ends here
            self.made[model, zone] = self._make(model, zone)
        return (self.made[model, zone] or [False])[0]

    def _make(self, model, zone):
        for complete in (True, False):
            try:
                values = self.values(model, zone, complete)
                with self.env.cr.savepoint():
                    record = self.env[model].with_company(self.company[zone]).create(values)
                    if model == "account.move":
                        record.action_post()
                    self.env.flush_all()
            except Exception as error:  # noqa: BLE001  reported: what cannot be made is not tried
                self.env.transaction.clear()
                (self.reduced if complete else self.refused)[model, zone] = f"{type(error).__name__}: {error}"
            else:
                return record.ids
        return []

    def values(self, model, zone, complete=False):
        """Return values for a record of the zone: those that are required, or all that may be given."""
        self.counter += 1
        defaults = self.env[model].with_company(self.company[zone]).default_get(list(self.env[model]._fields))
        found = {}
        for name, field in self.env[model]._fields.items():
            by_itself = defaults.get(name) and not field.relational and str(field) not in EXACT
            value = self._value(field, zone) if self._is_given(field, complete) and not by_itself else None
            if value is not None and value is not False:
                found[name] = value
        return found

    def _is_given(self, field, complete):
        if str(field) in EXACT or str(field) in GIVEN:
            return True
        if not field.store or field.related or field.name in MAGIC or field.type == "one2many":
            return False
        ours = complete and field._module in ADDONS and not field.readonly
        return bool(field.required or (ours and (not field.compute or field.inverse)))

    def _value(self, field, zone):
        if str(field) in EXACT:
            return self._exact(field, zone)
        if field.name == "owner_id" and zone != "p":
            return None  # nobody's own
        if field.type in TEXT_TYPES:
            return self._text(field, zone)
        if field.type in LINK_TYPES:
            return self._link(field, zone)
        if field.type == "selection":
            return next(iter(field.get_values(self.env)), None) if field.required else None
        plain = {
            "integer": self.counter,
            "float": self.counter,
            "monetary": self.counter,
            "binary": PICTURE,
            "json": {},
        }
        return {**plain, "date": date.today() - LATE, "datetime": datetime.now().replace(microsecond=0) - LATE}.get(
            field.type
        )

    def _link(self, field, zone):
        match field.type:
            case "many2one":
                return self._linked(field, zone)
            case "many2many":
                linked = self._linked(field, zone)
                return [(6, 0, [linked])] if linked else None
            case "many2one_reference":
                return self.one(DOCUMENT_OF.get(field.model_name, "res.partner"), zone)
        return f"res.partner,{self.one('res.partner', zone)}"

    def _exact(self, field, zone):
        value = EXACT[str(field)]
        value = value[zone] if isinstance(value, dict) else value
        return value.format(n=self.counter, zone=zone) if isinstance(value, str) else value

    def _text(self, field, zone):
        if field.name in ("res_model", "source_model", "model"):
            return DOCUMENT_OF.get(field.model_name, "res.partner")
        pattern = next((text for part, text in TEXTS.items() if part in field.name.split("_")), None)
        return (pattern or f"{field.name} {{n}} {{zone}}").format(n=self.counter, zone=zone)

    def _linked(self, field, zone):
        special = {"res.company": self.company, "res.users": self.owner}.get(field.comodel_name)
        if special:
            return special[zone]
        if field.comodel_name == field.model_name:
            return None  # nothing stands above what is made first
        if field.comodel_name in (*self.models, *DOCUMENTS):
            return self.one(field.comodel_name, zone)
        Comodel = self.env[field.comodel_name].with_context(active_test=False)
        domain = [("company_id", "in", [self.company[zone], False])] if "company_id" in Comodel._fields else []
        return Comodel.search(domain, limit=1).id


def our_models(env):
    """Names of the stored models and wizards that our addons define."""
    return sorted(
        name
        for name, model in env.registry.items()
        if model._original_module in ADDONS and not model._abstract and model._auto
    )


def make_ledger(env, company):
    """What an invoice needs: a whole chart of accounts would take longer than everything else."""
    Account = env["account.account"].with_company(company)
    shared = {"company_ids": [(6, 0, company.ids)]}
    sales, owed = Account.create(
        [
            {"name": "Sales", "code": "700000", "account_type": "income", **shared},
            {"name": "Customers", "code": "411000", "account_type": "asset_receivable", "reconcile": True, **shared},
        ]
    )
    journal = {"name": "Sales", "code": "SAL", "type": "sale", "default_account_id": sales.id, "company_id": company.id}
    env["account.journal"].create(journal)
    env["ir.default"].set("res.partner", "property_account_receivable_id", owed.id, company_id=company.id)


@contextlib.contextmanager
def nothing_leaves():
    """Nothing generated leaves this machine, nor waits for another."""

    def refuse(self, address):
        raise ConnectionRefusedError(f"{address} is not there")

    with mock.patch.object(socket.socket, "connect", refuse):
        yield
