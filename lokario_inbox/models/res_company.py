from odoo import fields, models
from odoo.fields import Domain


class ResCompany(models.Model):
    _inherit = "res.company"

    inbox_create_partners = fields.Boolean(
        string="Create unknown customers",
        help="A person who writes for the first time becomes a contact.",
        groups="base.group_user",
    )
    inbox_reclassify_before = fields.Integer(
        help="Conversations below this id still wait for the changed rules.", groups="base.group_user"
    )
    inbox_undo_seconds = fields.Integer(
        "Undo window",
        default=10,
        help="Seconds during which a mail that was sent can be taken back.",
        groups="base.group_user",
    )

    def _reclassify_inbox(self):
        """Start over: every conversation of the companies meets the rules again, in the background."""
        for company in self.sudo():
            newest = (
                self.env["inbox.conversation"]
                .sudo()
                .search([("company_id", "=", company.id)], order="id desc", limit=1)
            )
            company.inbox_reclassify_before = newest.id + 1 if newest else 0
        self.env.ref("lokario_inbox.ir_cron_reclassify").sudo()._trigger()

    def _reclassify_batch(self, size):
        """Re-file the next conversations; return how many are left."""
        Conversation = self.env["inbox.conversation"].sudo()
        domain = Domain("company_id", "=", self.id) & Domain("id", "<", self.inbox_reclassify_before)
        batch = Conversation.search(domain, order="id desc", limit=size)
        movable = batch.filtered(lambda c: c.classified_by in (False, "rule", "newsletter"))
        movable.filtered("classified_by").with_context(tracking_disable=True).write(
            {"category_id": False, "classified_by": False, "rule_id": False}
        )
        firsts = (
            self.env["inbox.message"]
            .sudo()
            .search([("conversation_id", "in", movable.ids), ("direction", "=", "in")], order="date, id")
        )
        opening = {message.conversation_id.id: message.id for message in reversed(firsts)}
        self.env["inbox.filing"]._apply_rules(firsts.browse(opening.values()))
        self.inbox_reclassify_before = batch[-1:].id if len(batch) == size else 0
        return (
            Conversation.search_count(domain & Domain("id", "<", self.inbox_reclassify_before))
            if self.inbox_reclassify_before
            else 0
        )
