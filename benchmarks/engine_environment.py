"""What the engine's benchmarks and chaos share: a database with the engine, its registry in this process."""

import contextlib
import tempfile
from pathlib import Path

from lokario_cli.paths import ROOT
from lokario_testing.environments.loaded import LoadedOdoo, fresh_database

ADD_PEOPLE = """
WITH added AS (
    INSERT INTO engine_contact (tenant_id, company_id, email, first_name, last_name, attributes, consent,
                                create_date, write_date)
    SELECT t.id, t.company_id, format('p%%s-%%s@%%s', l.id, n, (%(domains)s)[1 + n %% cardinality(%(domains)s)]),
           'N' || n, 'L' || n, '{"city": "Lyon"}', 'unknown', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
      FROM engine_tenant t, engine_contact_list l, generate_series(1, %(count)s) n
     WHERE t.id = %(tenant_id)s AND l.id = %(list_id)s
 RETURNING id
)
INSERT INTO engine_contact_list_rel (contact_id, list_id) SELECT id, %(list_id)s FROM added
"""


@contextlib.contextmanager
def engine_environment(name):
    """Yield an EngineEnvironment on a fresh database; everything is gone afterwards."""
    with (
        fresh_database(name, "email_engine_campaign") as (environment, database),
        tempfile.TemporaryDirectory(prefix="lokario-engine-") as folder,
        contextlib.closing(EngineEnvironment(environment, database, Path(folder))) as engine,
    ):
        yield engine


def make_importable():
    """Let `odoo.addons.email_engine_bridge` be imported without a database."""
    from odoo.modules.module import initialize_sys_path
    from odoo.tools import config

    config.parse_config(["--addons-path", str(ROOT), "--log-level", "error"])
    initialize_sys_path()


class EngineEnvironment(LoadedOdoo):
    """Makes tenants with active IPs; ``folder`` is for files of the run."""

    def __init__(self, environment, database, folder):
        super().__init__(environment, database)
        self.folder = folder

    def create_tenant(self, env, slug, ips, quota, **values):
        """A tenant with active IPs of `quota` mails today each, which may all leave at once."""
        identity = {"name": slug.title(), "slug": slug, "from_name": slug, "from_email": f"news@{slug}.test"}
        env["ir.config_parameter"].set_param("email_engine.public_url", "https://engine.example.com")
        env["ir.config_parameter"].set_param("email_engine_bridge.allowed_hosts", "127.0.0.1")
        tenant = env["engine.tenant"].create({**identity, "spread_over_day": False, **values})
        domains = env["engine.domain"]
        domain = domains.create({"name": f"{slug}.test", "tenant_id": tenant.id, "dkim_key_ids": []})
        for number in range(1, ips + 1):
            ip = env["engine.ip"].create(
                {"address": f"192.0.2.{number}", "hostname": f"mail{number}.{slug}.test", "domain_id": domain.id}
            )
            ip.status = "active"
        env.cr.commit()  # the counters live on transactions of their own
        for ip in tenant.ip_ids:
            ip._set_quota_today(quota, "benchmark")
        env.cr.commit()
        return tenant

    def add_people(self, env, tenant, name, count, domains):
        """A list of `count` contacts of a tenant at these domains, by turns; written as the import writes them."""
        people = env["engine.contact.list"].create({"name": name, "tenant_id": tenant.id})
        env.flush_all()
        env.cr.execute(ADD_PEOPLE, {"tenant_id": tenant.id, "list_id": people.id, "count": count, "domains": domains})
        env.cr.commit()
        env.cr.execute("ANALYZE engine_contact, engine_contact_list_rel")
        return people
