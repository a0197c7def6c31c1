"""Messages name their client: that of the instance, which is all that is known of those sent before."""


def migrate(cr, version):
    if version:
        cr.execute(
            """
            UPDATE saas_instance_mail m SET partner_id = i.partner_id FROM saas_instance i
             WHERE i.id = m.instance_id AND m.partner_id IS NULL
            """
        )
        cr.execute("UPDATE saas_instance_mail SET sent_at = write_date WHERE state = 'sent' AND sent_at IS NULL")
