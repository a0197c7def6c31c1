"""The jobs' data is noupdate: what it says anew is written into existing databases here."""

LOG_LINE = "🔄 Déclenchement de la synchronisation inbox via API..."


def migrate(cr, version):
    if version:
        cr.execute(
            "UPDATE ir_cron SET endpoint_log_message = %s WHERE endpoint_path = %s",
            [LOG_LINE, "/inbox/integrations/sync-all"],
        )
