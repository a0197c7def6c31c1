from odoo.tools.sql import column_exists, rename_column

from odoo.addons.lokario_base.module_split import move_parameters, restore_kept, take_over

PARAMETERS = ("allowed_hosts", "evidence_grace", "google_token_url", "imap_timeout", "sent_copy_wait", "smtp_timeout")
RENAMED = (  # model, table, former column, column
    ("inbox.integration", "inbox_integrations", "evidence_proven_at", "sent_mail_seen_at"),
    ("inbox.sent.copy", "inbox_sent_copy", "hidden_copy", "has_self_copy"),
    ("inbox.sent.copy", "inbox_sent_copy", "looks", "checks"),
    ("inbox.sent.copy", "inbox_sent_copy", "next_look_at", "next_check_at"),
    ("mailbox.outgoing", "mailbox_outgoing", "evidence", "confirmation"),
)
# Views of the former release, and of users, until they are loaded anew.
RENAME_IN_VIEWS = """
UPDATE ir_ui_view SET arch_db = replace(arch_db::text, %s, %s)::jsonb
 WHERE model = %s AND position(%s IN arch_db::text) > 0
"""


def take_over_from_inbox(env):
    """Mailboxes and the outbox were part of lokario_inbox: their records and settings are this addon's now."""
    rename_columns(env.cr)
    take_over(env, "lokario_mailbox", "lokario_inbox")
    move_parameters(env, {f"lokario_inbox.{name}": f"lokario_mailbox.{name}" for name in PARAMETERS})


def give_everybody_the_role(env):
    """Every employee may connect a mailbox of his own; from whom shall not, an administrator takes the role away.

    Where the inbox was there before, its roles imply those of mailboxes: who lost them does not get them back.
    """
    restore_kept(env)
    if env.ref("lokario_inbox.group_lokario_inbox_user", raise_if_not_found=False):
        return
    role = env.ref("lokario_mailbox.group_lokario_mailbox_user")
    env.ref("base.default_user_group").implied_ids |= role
    role.user_ids |= env["res.users"].search([("share", "=", False)])


def rename_columns(cr):
    for model, table, former, name in RENAMED:
        if column_exists(cr, table, former):
            rename_column(cr, table, former, name)
            attribute = f'name=\\"{former}\\"'  # as JSON writes it
            cr.execute(RENAME_IN_VIEWS, [attribute, f'name=\\"{name}\\"', model, attribute])


def link_sent_copies(env):
    """A copy that is to be filed has its bytes in the outbox; those that it kept itself go."""
    env.cr.execute(
        """
        UPDATE inbox_sent_copy c SET outgoing_id = m.id FROM mailbox_outgoing m
         WHERE c.outgoing_id IS NULL AND m.message_id_header = c.message_id_header
           AND m.integration_id = c.integration_id AND m.state = 'sent'
        """
    )
    copies = env["inbox.sent.copy"].search(["|", ("outgoing_id", "!=", False), ("state", "!=", "pending")])
    kept = [("res_model", "=", copies._name), ("res_field", "=", "raw"), ("res_id", "in", copies.ids)]
    env["ir.attachment"].search(kept).unlink()
