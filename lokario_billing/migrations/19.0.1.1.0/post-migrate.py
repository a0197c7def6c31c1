"""Copies of reminders: those of every company there is, and each company's own from now on."""


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        """
        INSERT INTO lokario_followup_copy (customer_id, company_id, partner_id)
             SELECT r.partner_id, c.id, r.cc_id FROM res_partner_followup_cc_rel r, res_company c
        """
    )
    cr.execute("DROP TABLE res_partner_followup_cc_rel")
    cr.execute("DELETE FROM ir_model_relation WHERE name = 'res_partner_followup_cc_rel'")
