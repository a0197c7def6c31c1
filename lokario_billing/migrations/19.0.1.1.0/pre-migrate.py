"""What a customer was set to counts for every company there is; from now on each company has its own word."""

from odoo.tools import SQL

COLUMNS = ("followup_auto", "followup_opt_out", "followup_contact_id")
OF_EVERY_COMPANY = """
UPDATE res_partner SET %s = (SELECT jsonb_object_agg(id::text, to_jsonb(%s)) FROM res_company) WHERE %s IS NOT NULL
"""


def migrate(cr, version):
    if not version:
        return
    for name in COLUMNS:
        column, old = SQL.identifier(name), SQL.identifier(f"{name}_of_all")
        cr.execute(SQL("ALTER TABLE res_partner RENAME COLUMN %s TO %s", column, old))
        cr.execute(SQL("ALTER TABLE res_partner ADD COLUMN %s jsonb", column))
        cr.execute(SQL(OF_EVERY_COMPANY, column, old, old))
        cr.execute(SQL("ALTER TABLE res_partner DROP COLUMN %s", old))
