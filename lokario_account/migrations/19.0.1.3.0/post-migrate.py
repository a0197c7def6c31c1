"""Mails name the day after whose night the account goes, not a second; what an administrator has rewritten stays."""

CHANGES = {
    "format_datetime(object.deletion_scheduled_at, tz=object.user_id.tz or object.company_id._lokario_time_zone())": (
        "format_date(object._last_day())"
    ),
    "format_date(object.deletion_scheduled_at)": "format_date(object._last_day())",
}
REPLACE = """
UPDATE mail_template SET body_html = replace(body_html::text, %(old)s, %(new)s)::jsonb,
                         subject = replace(subject::text, %(old)s, %(new)s)::jsonb
 WHERE id IN (SELECT res_id FROM ir_model_data WHERE module = 'lokario_account' AND model = 'mail.template')
"""


def migrate(cr, version):
    for old, new in CHANGES.items():
        cr.execute(REPLACE, {"old": old, "new": new})
