from odoo import api, fields, models


class InboxMessage(models.Model):
    """One mail of one mailbox, stored once whatever the number of folders it is in.

    Rows are written in bulk by the synchronisation: no stored computed field here, and few indexes,
    because each costs time with every mail that arrives.
    """

    _name = "inbox.message"
    _inherit = ["lokario.access.mixin"]
    _description = "Synchronised e-mail"
    _order = "date desc, id desc"
    _rec_name = "subject"

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    integration_id = fields.Many2one(
        "inbox.integration",
        required=True,
        ondelete="cascade",  # indexed by _identity_uniq
    )
    owner_id = fields.Many2one("res.users", string="Private to", index="btree_not_null")
    conversation_id = fields.Many2one("inbox.conversation", ondelete="set null")
    partner_id = fields.Many2one("res.partner", index="btree_not_null", ondelete="set null")
    identity = fields.Char(required=True, help="SHA-256 of the mail as the server holds it: its identity for ever.")
    server_ref = fields.Char(
        string="Identity at the server",
        help="The server's own name of the content: X-GM-MSGID of Gmail, EMAILID (RFC 8474).",
    )
    message_id_header = fields.Char(string="Message-ID")
    in_reply_to = fields.Char(string="In-Reply-To")
    references = fields.Text(help="Message-IDs of the ancestors, oldest first, one space between.")
    subject = fields.Char()
    email_from = fields.Char(string="From")
    from_address = fields.Char(help="Bare address of the author, lower case.", index=True)
    email_to = fields.Text(string="To")
    email_cc = fields.Text(string="Cc")
    reply_to = fields.Char(string="Reply-To")
    date = fields.Datetime(index=True, help="Date of arrival at the server (INTERNALDATE).")
    date_header = fields.Datetime(string="Date header")
    body_text = fields.Text()
    body_html = fields.Html(sanitize=False)  # sanitised by tools.mime_html before it is stored
    preview = fields.Char()
    has_attachments = fields.Boolean()
    size = fields.Integer(help="Bytes of the mail at the server.")
    direction = fields.Selection([("in", "Received"), ("out", "Sent")], required=True, default="in")
    is_seen = fields.Boolean(string="Read")
    is_answered = fields.Boolean(string="Answered")
    is_flagged = fields.Boolean(string="Flagged")
    deleted_at = fields.Datetime(index="btree_not_null", help="No folder of the mailbox holds the mail any more.")
    # What loop protection needs (RFC 3834, RFC 2919).
    auto_submitted = fields.Char(string="Auto-Submitted")
    list_id = fields.Char(string="List-Id")
    precedence = fields.Char()
    return_path = fields.Char(string="Return-Path", help="“<>” for a bounce.")
    headers = fields.Text(help="The header block as received, at most 64 KB.")
    placement_ids = fields.One2many("inbox.placement", "message_id")
    attachment_ids = fields.One2many("inbox.attachment", "message_id", string="Attachments")

    _identity_uniq = models.Constraint("UNIQUE(integration_id, identity)", "This mail is already stored.")
    _server_ref_idx = models.Index("(integration_id, server_ref) WHERE server_ref IS NOT NULL")
    _conversation_date_idx = models.Index("(conversation_id, date)")

    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        self._hide_unreadable_names()

    def _after_store(self):
        """Hook: called once per stored batch, in its transaction, with the new messages only.

        ``self`` is sudoed, oldest first, of ONE integration; each mail has its conversation and its
        customer already. Rules, AI and links extend it. Work in bulk (the budget is 0.1 ms and 0.1
        query a message), write no message again, and raise nothing: an error here rolls the batch
        back and the mailbox stops there.
        """

    def _after_change(self):
        """Hook: called once per batch of stored messages whose read, answered or deleted state the
        synchronisation changed, after the change is written and flushed. Same rules as above.
        """

    def _push_seen(self, seen):
        """Hook: a person (un)read these mails here; the synchronisation tells the server if asked to."""
