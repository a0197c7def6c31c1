def migrate(cr, _version):
    """One address gets the events of a tenant once: of several webhooks to it the oldest stays active."""
    cr.execute(
        """UPDATE engine_webhook_target t SET active = false
            WHERE active AND EXISTS (SELECT FROM engine_webhook_target o
                                      WHERE o.tenant_id = t.tenant_id AND o.url = t.url AND o.active AND o.id < t.id)"""
    )
