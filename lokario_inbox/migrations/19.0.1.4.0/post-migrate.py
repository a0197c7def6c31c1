"""What is on its way, and what was sent, moves from the drafts to the outbox; nothing is built or sent twice."""

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError

from odoo.addons.lokario_mailbox.hooks import link_sent_copies

MOVE = """
INSERT INTO mailbox_outgoing (
       integration_id, company_id, owner_id, source_model, source_id, subject, message_id_header, recipients,
       is_divisible, is_conditional, has_self_copy, state, cause, answer, send_at, attempts, handed_over_at, checks,
       sent_at, confirmation, is_notified, create_uid, create_date, write_uid, write_date)
SELECT o.integration_id, o.company_id, o.owner_id, 'inbox.outgoing', o.id, o.subject, o.message_id_header,
       o.raw_recipients, FALSE, o.is_automatic OR (o.is_scheduled AND o.cancel_on_answer), FALSE,
       CASE o.state WHEN 'scheduled' THEN 'queued' WHEN 'unsettled' THEN 'verifying' ELSE o.state END,
       CASE o.cause WHEN 'address' THEN 'recipient' ELSE o.cause END, o.answer, coalesce(o.send_at, o.write_date),
       o.attempts, o.handed_over_at, o.looks, o.sent_at, o.evidence, TRUE,
       o.create_uid, o.create_date, o.write_uid, o.write_date
  FROM inbox_outgoing o
 WHERE o.state != 'draft' AND o.raw_recipients IS NOT NULL AND o.message_id_header IS NOT NULL AND o.mail_id IS NULL
"""
LINK = """
UPDATE inbox_outgoing o SET mail_id = m.id FROM mailbox_outgoing m
 WHERE m.source_model = 'inbox.outgoing' AND m.source_id = o.id AND o.mail_id IS NULL
"""
FILES = """
UPDATE ir_attachment a SET res_model = 'mailbox.outgoing', res_id = o.mail_id FROM inbox_outgoing o
 WHERE a.res_model = 'inbox.outgoing' AND a.res_field = 'raw' AND a.res_id = o.id AND o.mail_id IS NOT NULL
"""
STATES = """
UPDATE inbox_outgoing SET state = 'verifying' WHERE state = 'unsettled';
UPDATE inbox_outgoing SET cause = 'recipient' WHERE cause = 'address';
UPDATE inbox_outgoing SET discarded_because = coalesce(cause, 'person') WHERE state = 'cancelled' AND mail_id IS NULL;
UPDATE inbox_outgoing SET state = 'draft' WHERE state = 'failed' AND mail_id IS NULL;
"""
# A mailbox was an outgoing server that could be named; without the mark it would be everybody's.
SERVERS = "DELETE FROM ir_mail_server WHERE inbox_integration_id IS NOT NULL"
NOT_BUILT = "SELECT id, send_at FROM inbox_outgoing WHERE state IN ('scheduled', 'sending') AND mail_id IS NULL"
IN_THE_OUTBOX = ("send_at", "raw_recipients", "attempts", "handed_over_at", "looks", "sent_at", "answer", "evidence")


def migrate(cr, version):
    cr.execute(SERVERS)
    for statement in (MOVE, LINK, FILES, STATES, NOT_BUILT):
        cr.execute(statement)
    waiting = dict(cr.fetchall())
    env = api.Environment(cr, SUPERUSER_ID, {})
    for draft in env["inbox.outgoing"].browse(waiting):
        try:
            draft.mail_id = draft.mail_id.create(draft._prepare_mail(waiting[draft.id]))
        except UserError:  # it could not have left either: its author finds it among his drafts
            draft._compute_state()
    env.flush_all()
    link_sent_copies(env)
    for column in IN_THE_OUTBOX:
        cr.execute(f"ALTER TABLE inbox_outgoing DROP COLUMN IF EXISTS {column}")
    env.ref("lokario_mailbox.ir_cron_send_outgoing").write(
        {
            "name": "Mailboxes: send outgoing mail",
            "model_id": env["ir.model"]._get_id("mailbox.dispatcher"),
            "code": "model._run()",
        }
    )
