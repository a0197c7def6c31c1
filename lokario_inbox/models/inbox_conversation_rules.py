from odoo import api, models

_BATCH = 200


class InboxConversation(models.Model):
    _inherit = "inbox.conversation"

    def _follow_new_mail(self, messages):
        """React to new mails: wake, reopen, move on; spam and newsletters find their place."""
        received = messages.filtered(lambda m: m.direction == "in").conversation_id.sudo()
        sent = messages.filtered("is_own").conversation_id.sudo()
        quiet = {"tracking_disable": True}
        received.filtered("snoozed_until").with_context(**quiet).write({"snoozed_until": False})
        closed = received.filtered(lambda c: c.state in ("resolved", "archived") and c.last_direction == "in")
        closed.with_context(**quiet).write({"state": "in_progress"})
        answered = sent.filtered(lambda c: c.state == "new" and c.first_response_date)
        answered.with_context(**quiet).write({"state": "in_progress"})
        self._file_by_server(messages)
        letters = messages.filtered("is_newsletter").conversation_id.sudo().filtered(lambda c: not c.is_newsletter)
        letters.with_context(**quiet).write({"is_newsletter": True})

    def _file_by_server(self, messages):
        """What the server holds in Spam or Trash only is shown there, not in the inbox."""
        self.env.cr.execute(
            """SELECT p.message_id, array_agg(coalesce(f.special_use, '')) FROM inbox_placement p
                 JOIN inbox_folder f ON f.id = p.folder_id
                WHERE p.message_id IN %s AND p.expunged_at IS NULL GROUP BY p.message_id""",
            [tuple(messages.ids)],
        )
        states = {"junk": "spam", "trash": "archived"}
        for message_id, uses in self.env.cr.fetchall():
            conversation = messages.browse(message_id).conversation_id.sudo()
            if len(set(uses)) == 1 and uses[0] in states and conversation.message_count == 1:
                conversation.with_context(tracking_disable=True).write({"state": states[uses[0]]})

    def _apply_rules(self, messages):
        """File the conversations by the first rule that a received mail fulfils; people are never overruled."""
        open_to_rules = set(self.filtered(lambda c: c.classified_by != "person").ids)
        received = messages.filtered(lambda m: m.direction == "in" and m.conversation_id.id in open_to_rules)
        unmatched = self.browse()
        for company, mails in received.grouped("company_id").items():
            rules = self.env["inbox.rule"].sudo().search([("company_id", "=", company.id)])
            newsletters = (
                self.env["inbox.category"]
                .sudo()
                .search([("company_id", "=", company.id), ("is_newsletter", "=", True)], limit=1)
            )
            unmatched |= self._apply_rules_of(rules, newsletters, mails)
        unmatched._classify_unmatched()

    def _apply_rules_of(self, rules, newsletters, mails):
        quiet, unmatched = self.sudo().with_context(tracking_disable=True), mails
        if rules:
            found = mails.grouped(lambda mail: rules._first_match(mail._as_rule_mail(), mail.integration_id))
            unmatched = found.pop(rules.browse(), mails.browse())
            filed = set()
            for rule, matched in found.items():
                quiet.browse(matched.conversation_id.ids).write(rule._conversation_values())
                filed.update(matched.conversation_id.ids)
            unmatched = unmatched.filtered(lambda mail: mail.conversation_id.id not in filed)
        if newsletters:
            letters = unmatched.filtered("is_newsletter")
            quiet.browse(letters.conversation_id.ids).write(
                {"category_id": newsletters.id, "classified_by": "newsletter", "rule_id": False}
            )
        return unmatched.conversation_id.filtered(lambda c: not c.category_id)

    def _classify_unmatched(self):
        """Hook: conversations that no rule matched; AI takes them from here. Nothing slow: queue it."""

    # === BACKGROUND === #

    @api.model
    def _cron_reclassify(self):
        """Apply changed rules to existing conversations, newest first, a batch a transaction."""
        companies = self.env["res.company"].sudo().search([("inbox_reclassify_before", ">", 0)])
        for company in companies:
            while company.inbox_reclassify_before:
                left = company._reclassify_batch(_BATCH)
                if not self.env["ir.cron"]._commit_progress(_BATCH - (0 if left else 1), remaining=left):
                    return
