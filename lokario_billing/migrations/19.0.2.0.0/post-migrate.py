"""A branch inherits its parent's switch: one that sent no reminder before sends none without being asked."""


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """
        UPDATE res_company SET followup_auto_default = false
         WHERE parent_id IS NOT NULL AND followup_enabled IS NOT TRUE RETURNING id
        """
    )
    branches = [row_id for (row_id,) in cr.fetchall()]
    cr.execute("UPDATE lokario_followup SET auto_enabled = false WHERE company_id = ANY(%s)", [branches])
