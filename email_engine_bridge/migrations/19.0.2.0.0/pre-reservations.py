def migrate(cr, _version):
    """Note who keeps a journal, which only the purpose said before; a method and a finding have other names."""
    cr.execute("ALTER TABLE engine_lease ADD COLUMN IF NOT EXISTS has_journal boolean")
    cr.execute("UPDATE engine_lease SET has_journal = purpose LIKE 'campaign/%' WHERE has_journal IS NULL")
    cr.execute(
        """UPDATE ir_act_server SET code = 'model._cron_return_reservations()'
            WHERE code = 'model._cron_return_leases()'"""
    )
    cr.execute(
        """UPDATE engine_ip SET status_finding = jsonb_set(status_finding, '{code}', '"dns_verified"')
            WHERE status_finding ->> 'code' = 'dns_proved'"""
    )
