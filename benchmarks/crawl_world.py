"""The suite with two of everything: two companies, ordinary users of each, generated records of every model."""

import contextlib
from datetime import timedelta

import psycopg2

from lokario_cli.paths import ADDONS
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

COMPANIES = (("Atelier Lumière", "base.fr", "base.EUR"), ("Maison Étoile", "base.ch", "base.CHF"))
RECORDS = 3
MAGIC_COLUMNS = {"id", "create_uid", "create_date", "write_uid", "write_date"}
OURS = tuple(f"odoo.addons.{addon}." for addon in ADDONS)
# What a generated text has to look like, by a part of the field's name.
TEXTS = {
    "email": "n{}@example.test",
    "login": "n{}@example.test",
    "address": "n{}@example.test",
    "domain": "d{}.example.test",
    "host": "127.0.0.{}",
    "url": "https://d{}.example.test/",
    "ip": "192.0.2.{}",
    "slug": "slug-{}",
    "code": "code{}",
    "prefix": "p{}-",
    "subdomain": "sub{}",
    "lang": "en_US",
    "tz": "Europe/Paris",
}


@contextlib.contextmanager
def crawl_world(name: str):
    """Yield an open CrawlWorld on a database of its own with all addons."""
    with (
        fresh_database(name, ",".join(ADDONS)) as (environment, database),
        contextlib.closing(CrawlWorld(environment, database, log_level="critical")) as crawl,
    ):
        yield crawl


class CrawlWorld(LoadedOdoo):
    """``missing`` names the models of which no record could be generated, with the reason."""

    def found(self) -> None:
        """Make companies and records, committed: what takes a connection of its own sees them."""
        self.missing = {}
        with self.env() as env:
            self.companies = [self._company(env, *values).id for values in COMPANIES]
        for model in self.models():
            self._generate(model)

    def models(self) -> list[str]:
        """Our stored models and wizards."""
        return sorted(
            name
            for name, model in self.registry.items()
            if model._original_module in ADDONS and not model._abstract and model._auto
        )

    def _company(self, env, name, country, currency):
        env.ref(currency).active = True
        values = {"name": name, "country_id": env.ref(country).id, "currency_id": env.ref(currency).id}
        company = env["res.company"].search([("name", "=", name)]) or env["res.company"].create(values)
        env["res.users"].browse(1).company_ids |= company
        return company

    def _generate(self, model: str) -> None:
        """Three records, each with as many fields as the model accepts: all, or the required ones."""
        from odoo.exceptions import UserError

        for number in range(1, RECORDS + 1):
            for complete in (True, False):
                try:
                    with self.env() as env:
                        self.make(env, model, number, complete)
                    self.missing.pop(model, None)
                    break
                except (UserError, ValueError, psycopg2.Error) as error:  # it refuses generated values
                    self.missing[model] = f"{type(error).__name__}: {str(error)[:120]}"

    def make(self, env, model: str, number: int, complete: bool, above: tuple = ()):
        """A record number `number` of the model, with every field or with the required ones alone."""
        company = env["res.company"].browse(self.companies[number % 2])
        Model = env[model].with_company(company)
        defaults = Model.default_get(list(Model._fields))
        values = {}
        for name, field in Model._fields.items():
            wanted = field.required or (complete and not field.related and not field.compute)
            given = bool(defaults.get(name)) and name != "company_id"
            if given or not wanted or not field.store or name in MAGIC_COLUMNS:
                continue
            value = self._value(env, field, number, company, (*above, model))
            if value is not None:
                values[name] = value
        return Model.create(values)

    def _value(self, env, field, number, company, above):
        from odoo import fields

        match field.type:
            case "many2one":
                return self._linked(env, field, number, company, above)
            case "char" | "text" | "html":
                return self._text(field, number)
            case "selection":
                chosen = field.get_values(env)
                return chosen[number % len(chosen)] if field.required and chosen else None
            case "integer" | "float" | "monetary":
                return number
            case "date":
                return fields.Date.today() - timedelta(days=number)
            case "datetime":
                return fields.Datetime.now() - timedelta(days=number)
        return None

    def _text(self, field, number: int) -> str:
        pattern = next((text for part, text in TEXTS.items() if part in field.name), None)
        return pattern.format(number) if pattern else f"{field.name} {number}"

    def _linked(self, env, field, number, company, above):
        if field.comodel_name == "res.company":
            return company.id
        Comodel = env[field.comodel_name].with_context(active_test=False)
        found = Comodel.search([], limit=RECORDS, order="id desc")
        if len(found) >= number or not field.required:
            return found[(number - 1) % len(found)].id if found else None
        if field.comodel_name in above or len(above) > 4:
            return found[:1].id or None
        return self.make(env, field.comodel_name, number, False, above).id
