"""Business mail leaves through the outbox: what may have left goes there to be verified, the rest is built anew."""

from odoo import SUPERUSER_ID, api

from odoo.addons.lokario_mailbox.hooks import link_sent_copies

# Queued, held and failed tries: nobody has the mail; it keeps its Message-ID.
STATES = """
DROP INDEX IF EXISTS lokario_delivery_mail_uniq, lokario_delivery__mail_uniq;
UPDATE lokario_delivery SET state = 'queued' WHERE state IN ('retry', 'hold');
UPDATE lokario_delivery SET state = 'queued' WHERE state = 'sending' AND handed_over_at IS NULL;
UPDATE lokario_delivery SET state = 'uncertain' WHERE state = 'sending' AND route != 'mailbox';
"""
MOVE = """
INSERT INTO mailbox_outgoing (
       integration_id, company_id, owner_id, source_model, source_id, subject, message_id_header, recipients,
       is_divisible, is_conditional, has_self_copy, state, cause, send_at, attempts, handed_over_at, checks, sent_at,
       is_notified, create_uid, create_date, write_uid, write_date)
SELECT i.id, i.company_id, i.owner_id, 'lokario.delivery', d.id, d.subject, d.message_id,
       replace(d.recipients, ', ', E'\\n'), TRUE, TRUE, d.hidden_copy,
       CASE d.state WHEN 'sent' THEN 'sent' ELSE 'verifying' END, CASE WHEN d.state != 'sent' THEN 'unclear' END,
       now() AT TIME ZONE 'UTC', d.attempts, d.handed_over_at, 0, d.sent_at, TRUE,
       d.create_uid, d.create_date, d.write_uid, d.write_date
  FROM lokario_delivery d JOIN inbox_integrations i ON i.id = d.integration_id
 WHERE d.route = 'mailbox' AND d.handed_over_at IS NOT NULL
   AND (d.state IN ('sending', 'uncertain') OR d.state = 'sent' AND EXISTS (
       SELECT FROM inbox_sent_copy c WHERE c.message_id_header = d.message_id AND c.state = 'pending'))
   AND d.recipients IS NOT NULL AND d.outgoing_id IS NULL
"""
LINK = """
UPDATE lokario_delivery d SET outgoing_id = m.id, state = m.state FROM mailbox_outgoing m
 WHERE m.source_model = 'lokario.delivery' AND m.source_id = d.id AND d.outgoing_id IS NULL
"""
FILES = """
UPDATE ir_attachment a SET res_model = 'mailbox.outgoing', res_field = 'raw', res_id = d.outgoing_id
  FROM lokario_delivery d
 WHERE a.res_model = 'lokario.delivery' AND a.res_field = 'eml' AND a.res_id = d.id AND d.outgoing_id IS NOT NULL
"""
IN_THE_OUTBOX = ("attempts", "handed_over_at", "hidden_copy", "evidence_looks", "told_uncertain")


def migrate(cr, version):
    for statement in (STATES, MOVE, LINK, FILES):
        cr.execute(statement)
    for column in IN_THE_OUTBOX:
        cr.execute(f"ALTER TABLE lokario_delivery DROP COLUMN IF EXISTS {column}")
    env = api.Environment(cr, SUPERUSER_ID, {})
    link_sent_copies(env)
    accepted = env["lokario.delivery"].search([("state", "=", "sent"), ("mail_id.state", "=", "outgoing")])
    accepted.mail_id._follow_deliveries()
    if job := env.ref("lokario_billing.ir_cron_settle_deliveries", raise_if_not_found=False):
        job.unlink()
