"""The mail that verifies an address may reach somebody who never asked: nothing in it is what a stranger typed."""

ANONYMOUS = r"""
UPDATE mail_template t
   SET body_html = regexp_replace(body_html::text, ' ?<t t-out=\\"object[.]name\\" ?(/>|></t>)', '', 'g')::jsonb,
       email_to = replace(email_to, 'object.email_formatted', 'object.email')
  FROM ir_model_data d
 WHERE d.module = 'lokario_account' AND d.name = 'mail_template_signup_verification' AND d.model = 'mail.template'
   AND t.id = d.res_id
"""


def migrate(cr, version):
    if version:
        cr.execute(ANONYMOUS)
