"""The configuration printer of the first engine, under its documented name.

generator = PowerMTAConfigGenerator(env)
generator.generate_config()              # of all tenants, who share one server
generator.generate_config(tenant_id=1)
"""


class PowerMTAConfigGenerator:
    """A thin face of `engine.tenant`; `db` is an Odoo environment."""

    def __init__(self, db):
        self.env = db

    def generate_config(self, tenant_id=None):
        """Return the linted configuration of one tenant, or of all."""
        tenants = self.env["engine.tenant"]
        return (tenants.browse(tenant_id) if tenant_id else tenants.search([]))._render_config()
