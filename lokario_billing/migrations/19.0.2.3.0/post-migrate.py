"""French has a space before a colon, also in the subject of a reminder that nobody has rewritten."""

SUBJECT = """
UPDATE mail_template t
   SET subject = jsonb_set(subject, '{fr_FR}', to_jsonb(replace(subject ->> 'fr_FR', '.name }}: {{', '.name }} : {{')))
  FROM ir_model_data d
 WHERE d.module = 'lokario_billing' AND d.name = 'mail_template_followup_invoice' AND d.model = 'mail.template'
   AND t.id = d.res_id AND subject ? 'fr_FR'
"""


def migrate(cr, version):
    cr.execute(SUBJECT)
