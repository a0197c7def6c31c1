"""The VirtualMTA calls of the first engine, under their documented names.

selector = VMTASelector(env)
selector.get_pool_name_for_tenant(tenant_id=1)   # "sos-expat-pool"
selector.get_vmta_config_for_tenant(tenant_id=1)
"""


class VMTASelector:
    """A thin face of `engine.tenant`; `db` is an Odoo environment."""

    def __init__(self, db):
        self.env = db

    def get_pool_name_for_tenant(self, tenant_id):
        """Return the name of the tenant's VirtualMTA pool."""
        return self.env["engine.tenant"].browse(tenant_id).pool_name

    def get_vmta_config_for_tenant(self, tenant_id):
        """Return pool name, IP counts, the IPs and the delivery server of the tenant."""
        return self.env["engine.tenant"].browse(tenant_id)._get_vmta_config()
