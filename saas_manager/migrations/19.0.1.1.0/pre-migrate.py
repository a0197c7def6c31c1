"""Standard terms: what an instance occupies is a slot, and its last step of provisioning a verification.

Servers of before go on as they are; `./lokario isolate` gives their instances processes of their own.
"""

from odoo.tools.sql import column_exists, rename_column


def migrate(cr, version):
    if not version:
        return
    if not column_exists(cr, "saas_server", "isolation"):
        cr.execute("ALTER TABLE saas_server ADD COLUMN isolation varchar")
        cr.execute("UPDATE saas_server SET isolation = 'shared'")
    if not column_exists(cr, "saas_instance", "takes_place"):
        return
    rename_column(cr, "saas_instance", "takes_place", "occupies_slot")
    cr.execute(
        """
        UPDATE ir_model_fields SET name = 'occupies_slot' WHERE name = 'takes_place' AND model = 'saas.instance';
        UPDATE ir_model_data SET name = 'field_saas_instance__occupies_slot'
         WHERE module = 'saas_manager' AND name = 'field_saas_instance__takes_place'
        """
    )
    cr.execute("UPDATE saas_instance_step SET code = 'verification' WHERE code = 'proof'")
