from collections import defaultdict

from odoo import api, models

_BATCH = 200
_STATES = {"archive": "archived", "junk": "spam", "trash": "archived"}
_USES = r"""
SELECT p.message_id,
       CASE WHEN position('\Archived' in p.flags) > 0 THEN 'archive' ELSE COALESCE(f.special_use, '') END
  FROM inbox_message_location p JOIN inbox_folder f ON f.id = p.folder_id
 WHERE p.message_id IN %s AND p.expunged_at IS NULL
"""


class InboxFiling(models.AbstractModel):
    """Where conversations are shown: moved by new mail, by the folders of the server, by the company's rules."""

    _name = "inbox.filing"
    _description = "Filing of conversations"

    @api.model
    def _follow_new_mail(self, messages):
        """React to new mails: wake, reopen, move on; spam and newsletters find their place."""
        received = messages.filtered(lambda m: m.direction == "in").conversation_id.sudo()
        sent = messages.filtered("is_own").conversation_id.sudo()
        quiet = {"tracking_disable": True}
        received.filtered("snoozed_until").with_context(**quiet).write({"snoozed_until": False})
        closed = received.filtered(lambda c: c.state in ("resolved", "archived") and c.last_direction == "in")
        closed.with_context(**quiet)._set_state("in_progress")
        answered = sent.filtered(lambda c: c.state == "new" and c.first_response_date)
        answered.with_context(**quiet)._set_state("in_progress")
        self._file_by_server(messages, ("new",), has_waited=False)
        newsletters = messages.filtered("is_newsletter").conversation_id.sudo().filtered(lambda c: not c.is_newsletter)
        newsletters.with_context(**quiet).write({"is_newsletter": True})

    @api.model
    def _file_by_server(self, messages, states, *, has_waited=True):
        """Conversations of these mails, in one of the states, whose every received mail the server holds in Archive,
        Spam or Trash only: shown there, not in the inbox.
        """
        uses = self._uses_at_server(messages.ids)
        aside = messages.filtered(lambda mail: uses[mail.id] & _STATES.keys())
        waiting = aside.conversation_id.sudo().filtered(lambda conversation: conversation.state in states)
        received = aside.sudo().search_fetch(
            [("conversation_id", "in", waiting.ids), ("direction", "=", "in"), ("deleted_at", "=", False)],
            ["conversation_id"],
        )
        uses, filed = self._uses_at_server(received.ids), defaultdict(list)
        for conversation, mails in received.grouped("conversation_id").items():
            found = set().union(*(uses[mail.id] for mail in mails))
            if len(found) == 1 and found <= _STATES.keys():
                filed[_STATES[found.pop()]].append(conversation.id)
        quiet = self.env["inbox.conversation"].sudo().with_context(tracking_disable=True)
        for state, ids in filed.items():
            quiet.browse(ids)._set_state(state, is_synchronised=True, is_timed=has_waited)

    @api.model
    def _uses_at_server(self, message_ids):
        """{message id: uses of the folders that hold it}. Plain look-ups: in fresh tables a planner knows nothing."""
        uses = defaultdict(set)
        if message_ids:
            self.env.flush_all()
            self.env.cr.execute(_USES, [tuple(message_ids)])
            for message_id, use in self.env.cr.fetchall():
                uses[message_id].add(use)
        return uses

    @api.model
    def _apply_rules(self, messages):
        """File the conversations by the first rule that a received mail fulfils; people are never overruled."""
        conversations = messages.conversation_id.sudo()
        open_to_rules = set(conversations.filtered(lambda c: c.classified_by != "person").ids)
        received = messages.filtered(lambda m: m.direction == "in" and m.conversation_id.id in open_to_rules)
        unmatched = conversations.browse()
        for company, mails in received.grouped("company_id").items():
            rules = self.env["inbox.rule"].sudo().search([("company_id", "=", company.id)])
            newsletters = (
                self.env["inbox.category"]
                .sudo()
                .search([("company_id", "=", company.id), ("is_newsletter", "=", True)], limit=1)
            )
            unmatched |= self._apply_rules_of(rules, newsletters, mails)
        self.env["inbox.hooks"]._conversations_unmatched(unmatched)

    @api.model
    def _apply_rules_of(self, rules, newsletters, mails):
        quiet, unmatched = self.env["inbox.conversation"].sudo().with_context(tracking_disable=True), mails
        if rules:
            found = mails.grouped(lambda mail: rules._first_match(mail._as_rule_mail(), mail.integration_id))
            unmatched = found.pop(rules.browse(), mails.browse())
            filed = set()
            for rule, matched in found.items():
                quiet.browse(matched.conversation_id.ids).write(rule._conversation_values())
                filed.update(matched.conversation_id.ids)
            unmatched = unmatched.filtered(lambda mail: mail.conversation_id.id not in filed)
        if newsletters:
            bulk = unmatched.filtered("is_newsletter")
            quiet.browse(bulk.conversation_id.ids).write(
                {"category_id": newsletters.id, "classified_by": "newsletter", "rule_id": False}
            )
        return unmatched.conversation_id.filtered(lambda c: not c.category_id)

    @api.model
    def _cron_reclassify(self):
        """Apply changed rules to existing conversations, newest first, a batch a transaction."""
        companies = self.env["res.company"].sudo().search([("inbox_reclassify_before", ">", 0)])
        for company in companies:
            while company.inbox_reclassify_before:
                left = company._reclassify_batch(_BATCH)
                if not self.env["ir.cron"]._commit_progress(_BATCH - (0 if left else 1), remaining=left):
                    return
