"""A message greets its reader, who may be a contact of the client; greetings that somebody has rewritten stay."""

GREETING = """
UPDATE mail_template t
   SET body_html = replace(body_html::text, $$<t t-out=\\"object.partner_id.name or ''\\">Marie Martin</t>,</p>$$,
                           $$<t t-out=\\"reader_name or object.partner_id.name or ''\\">Marie Martin</t>,</p>$$)::jsonb
  FROM ir_model_data d
 WHERE d.module IN ('saas_manager', 'saas_notification') AND d.model = 'mail.template' AND t.id = d.res_id
"""


def migrate(cr, version):
    if version:
        cr.execute(GREETING)
