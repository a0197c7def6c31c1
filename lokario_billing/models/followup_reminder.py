import secrets
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from odoo.addons.lokario_base.tools.caller import without_callers_defaults

from ..tools import followup_plan
from ..tools.penalties import Balance, half_years_without_rate, penalty_lines, recovery_indemnity, total
from .followup_step import STEP_STATES, TRANSITIONS

TOKEN_LIFETIME = timedelta(days=90)
LETTERS = ("letter", "registered")
FRESH = timedelta(hours=1)  # a mail that waited longer is decided again, with the hour and day it is now
QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True}


class FollowupReminder(models.Model):
    """One mail, call or letter to one customer, for one level and one or several documents."""

    _name = "lokario.followup.reminder"
    _description = "Reminder"
    _inherit = [
        "lokario.followup.answers",
        "lokario.chatter.mixin",
        "mail.thread",
        "lokario.business.document",
        "lokario.access.mixin",
    ]
    _order = "id desc"
    _rec_name = "subject"

    subject = fields.Char(compute="_compute_subject", store=True)
    company_id = fields.Many2one("res.company", required=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    customer_id = fields.Many2one("res.partner", required=True, index=True)
    partner_id = fields.Many2one("res.partner", string="Recipient", required=True)
    address = fields.Char(string="Written to", readonly=True, help="The recipient's address when the mail was made")
    lang = fields.Char(string="Written in", readonly=True, help="The recipient's language when the mail was made")
    level_id = fields.Many2one("lokario.followup.level", required=True, ondelete="restrict")
    channel = fields.Selection(related="level_id.channel")
    step_ids = fields.One2many("lokario.followup.step", "reminder_id", string="Documents")
    user_id = fields.Many2one("res.users", string="By")
    state = fields.Selection(STEP_STATES, required=True, default="prepared", index=True)
    why = fields.Char(string="Reason")
    mail_id = fields.Many2one("mail.mail", ondelete="set null", index="btree_not_null")
    sent_at = fields.Datetime()
    amount = fields.Monetary(string="Amount due")
    penalty_amount = fields.Monetary(string="Late-payment penalties")
    penalty_without = fields.Char(
        string="Half-years without a rate", readonly=True, help="No penalties are claimed for these half-years."
    )
    indemnity_amount = fields.Monetary(string="Recovery indemnity")
    access_token = fields.Char(
        required=True,
        copy=False,
        groups="lokario_billing.group_lokario_billing_manager",
        default=lambda self: secrets.token_urlsafe(32),
    )
    token_expires_at = fields.Datetime(default=lambda self: fields.Datetime.now() + TOKEN_LIFETIME)
    note = fields.Text(string="Custom text", help="Written for this reminder; replaces the opening of the template.")
    by_hand = fields.Boolean(help="Sent by a person: only stops and holds count, not the day")
    fingerprint = fields.Char(help="Facts the decision was taken on; another value at the moment of sending stops it")

    _access_token_uniq = models.UniqueIndex("(access_token)")

    @api.depends("level_id", "customer_id")
    def _compute_subject(self):
        for reminder in self:
            reminder.subject = f"{reminder.level_id.name} – {reminder.customer_id.display_name}"

    @api.model
    def _of_token(self, token):
        """Return the reminder of a valid token (sudo), or nothing; the unique index makes the look-up exact."""
        if not token or len(token) < 32:
            return self.browse()
        valid = [("access_token", "=", token), ("token_expires_at", ">", fields.Datetime.now())]
        return self.sudo().search(valid, limit=1)

    # === PREPARE === #

    @api.model
    def _prepare(self, groups, note=False):
        """Create the reminders of groups of (followup, decision) pairs, and their mails or activities.

        Every group is one recipient, for one customer, at one level. Nothing is sent here.

        :param note: custom text instead of the template's opening
        """
        if not groups:
            return self
        values = [{**self._reminder_values(group), "note": note} for group in groups]
        reminders = self.sudo().with_context(**QUIET).create(values)
        reminders._prepare_penalties()
        for channel, group in reminders.grouped("channel").items():
            group._prepare_channel(channel)
        fingerprint = self.env["lokario.followup.fingerprint"]
        facts = fingerprint._read(reminders.step_ids.followup_id)
        for reminder in reminders:
            reminder.fingerprint = fingerprint._joined(reminder.step_ids.followup_id, facts)
        return reminders

    def _prepare_channel(self, channel):
        """Make what the channel of these reminders needs; other addons know of more channels."""
        if channel == "email":
            self._render_mails()
        else:
            self._schedule_activities()

    @api.model
    def _send_by_hand(self, followup, note=False):
        """Send the next level immediately: no waiting for its day, but every stop and hold is respected."""
        facts = self.env["lokario.followup.facts"]
        document, history = facts._documents(followup)[followup], facts._history(followup)
        level = followup_plan.next_level(document, history)
        refusal = followup_plan.refusal_by_hand(document, history, followup.company_id._followup_today())
        if refusal:
            reasons = dict(followup._fields["why"]._description_selection(self.env))
            raise UserError(self.env._("Not sent: %(reason)s.", reason=reasons[refusal.value]))
        decision = followup_plan.Decision(document, level, send=True)
        reminder = self._prepare([[(followup, decision)]], note)
        reminder.by_hand = True
        reminder._outgoing_mails().send_after_commit()
        followup._refresh_plan()
        return reminder

    @api.model
    def _reminder_values(self, group):
        followup, decision = group[0]
        level = followup._level_of(decision)
        recipient = followup._recipient()
        steps = [
            {
                "followup_id": each.id,
                "cycle": decision.document.cycle,
                "sequence": decision.level.sequence,
                "level_id": level.id,
                "channel": level.channel,
                "due_date": decision.document.owed_since,
                "amount": decision.document.amount,
                "claim_amount": decision.document.claim,
                "credit_amount": decision.document.credit_claim,
            }
            for each, decision in group
        ]
        return {
            "company_id": followup.company_id.id,
            "customer_id": followup.customer_id.id,
            "partner_id": recipient.id,
            "address": recipient._reminder_address(level.channel),
            "lang": recipient.lang,
            "level_id": level.id,
            "user_id": self.env.uid,
            "amount": sum(decision.document.amount - decision.document.credit for _each, decision in group),
            "step_ids": [fields.Command.create(step) for step in steps],
        }

    def _prepare_penalties(self):
        """Claims of the formal notices to French professionals."""
        for reminder in self.filtered("level_id.formal_notice"):
            if reminder.customer_id._owes_french_penalties(reminder.company_id):
                reminder._compute_claims(reminder.company_id._penalty_rates())

    def _compute_claims(self, rates):
        """Penalties and indemnity to this day; nothing is claimed for a half-year without a rate."""
        today = self.company_id._followup_today()
        contractual = self.company_id.followup_penalty_rate
        contractual = _decimal(contractual) if contractual else None
        late = self.step_ids.filtered(lambda step: step.followup_id.move_id and step.due_date and step.due_date < today)
        claims = [
            list(penalty_lines([Balance(due, _decimal(amount))], due, today, rates, contractual))
            for step in late
            for due, amount in step._claimed_instalments(today)
        ]
        self.penalty_amount = sum(map(total, claims))
        self.indemnity_amount = recovery_indemnity(len(late), business_customer=True)
        without = half_years_without_rate(line for lines in claims for line in lines)
        if without:
            self._note_missing_rates(without)

    def _note_missing_rates(self, half_years):
        days = ", ".join(format_date(self.env, day, self.partner_id.lang) for day in half_years)
        self.penalty_without = days
        self.message_post(
            body=self.with_context(lang=self.company_id.sudo().partner_id.lang).env._(
                "No late-payment rate is recorded for the half-year from %(date)s: no penalties were claimed for it."
                " Add it in Follow-ups › Configuration › Late-payment rates.",
                date=days,
            )
        )

    def _render_mails(self):
        """One mail for each reminder, in the language of its recipient, attached documents included."""
        attaching = self.filtered("level_id.attach_documents")
        pdfs = attaching.step_ids.followup_id.move_id._issued_pdfs()
        for level, reminders in self.grouped("level_id").items():
            mails = level._template().send_mail_batch(
                reminders.ids, email_values={"auto_delete": False, "is_notification": False}
            )
            for reminder, mail in zip(reminders, mails, strict=True):
                reminder.mail_id = mail
                documents = [pdfs[move.id] for move in reminder.step_ids.followup_id.move_id if move.id in pdfs]
                if level.attach_documents and documents:
                    mail.attachment_ids = [fields.Command.link(document.id) for document in documents]
                reminder._copy_for_further_recipients()

    def _copy_for_further_recipients(self):
        """Who else is reminded gets a mail of his own, with a delivery of its own."""
        readers = self.customer_id.with_company(self.company_id).followup_to_ids - self.partner_id
        for reader in readers.filtered(lambda partner: partner._is_reachable()):
            self.mail_id.copy({"recipient_ids": [fields.Command.set(reader.ids)], "email_cc": False})

    def _outgoing_mails(self):
        """Return what is to leave, to the recipients and to further ones (sudo)."""
        mine = [("model", "=", self._name), ("res_id", "in", self.ids), ("state", "=", "outgoing")]
        return self.env["mail.mail"].sudo().search(mine)

    def _schedule_activities(self):
        """A call or a letter is work for a person: an activity, done when he says so."""
        for reminder in self:
            reminder._set_state("todo")
            letter = reminder._print_letter() if reminder.channel in LETTERS else False
            files = {"attachment_ids": [fields.Command.set(letter.ids)]} if letter else {}
            for followup in reminder.step_ids.followup_id:
                followup._ask_responsible("level", reminder.level_id, **files)

    def _print_letter(self):
        """Return the letter as a PDF; False where this machine cannot print."""
        report = self.env["ir.actions.report"].sudo()
        try:
            content, extension = report._render_qweb_pdf("lokario_billing.action_report_reminder_letter", self.ids)
        except UserError as error:
            self._message_log(body=str(error))
            return False
        name = f"{self.subject}.{extension}".replace("/", "-")
        values = {"name": name, "raw": content, "res_model": self._name, "res_id": self.id}
        return without_callers_defaults(self.env["ir.attachment"].sudo()).create(values)

    def _letter_body(self):
        """The text of the reminder on paper: the template of its level, in the language of its recipient."""
        self.ensure_one()
        template = self.level_id._template().sudo()  # the text names documents the reader may not open
        return template._render_field("body_html", self.ids, compute_lang=True)[self.id]

    def _send_claimed(self):
        """Hand the mails to their mailboxes and return the companies whose mailbox did not take them."""
        self._outgoing_mails().send(auto_commit=True)
        self._log_on_documents()
        self.step_ids.followup_id._refresh_plan()
        return self.filtered(lambda each: each.mail_id and each.state in ("prepared", "retry")).company_id

    # === OUTCOME === #

    def _set_state(self, state, why=False, at=False):
        """Go on to a state, with the steps of the documents; a way that the table does not know is not gone."""
        values = {"why": why}
        if state == "sent":
            values["sent_at"] = at or fields.Datetime.now()
        changing = self.filtered(lambda reminder: state in TRANSITIONS[reminder.state])
        changing.write({"state": state, **values})
        changing.step_ids._set_state(state, **values)
        if state in ("failed", "uncertain"):
            for followup in changing.step_ids.followup_id:
                followup._ask_responsible("failed", why)

    def _deliveries_changed(self, deliveries):
        """The state of the recipient's own delivery is the reminder's; that of a copy says nothing of it."""
        states = {"queued": "prepared", "waiting": "retry", "verifying": "uncertain", "bounced": "failed"}
        for delivery in deliveries:
            reminder = self.browse(delivery.res_id)
            other_mail = delivery.mail_id and delivery.mail_id != reminder.mail_id  # of a further recipient
            if not other_mail and delivery._concerns(reminder.address):
                state = (
                    "failed" if delivery._is_refused(reminder.address) else states.get(delivery.state, delivery.state)
                )
                reminder._set_state(state, delivery.cause, delivery.sent_at)

    def action_activity_done(self):
        """The call was made, the letter is posted."""
        self._end_activity("done")

    def action_came_back(self):
        """The letter was refused or returned: it is no level, and the address has to be looked at."""
        self._end_activity("failed", self.env._("The letter came back."))

    def action_call(self):
        """Open what to say, and note what became of the call."""
        self.ensure_one()
        return self.env["lokario.followup.call"]._dialog(self.step_ids.followup_id[:1], self)

    def _end_activity(self, state, why=False):
        followups = self.step_ids.followup_id
        followups.check_access("write")
        for reminder in self.sudo():
            reminder._set_state(state, why)
            for followup in reminder.step_ids.followup_id:
                self.env["lokario.followup.task"]._finish(followup, "level", reminder.level_id)
        followups._refresh_plan()

    # === PRE-SEND CHECK === #

    def _still_due(self):
        """Return those whose decision still holds. A document that a user is changing right now counts as changed.

        Runs as the first statements of a transaction, which holds the documents' locks until it ends.
        """
        fingerprints = self.env["lokario.followup.fingerprint"]._read(self.step_ids.followup_id)
        oldest = fields.Datetime.now() - FRESH
        return self.filtered(lambda each: each._holds(fingerprints, each.create_date > oldest and each.fingerprint))

    def _holds(self, fingerprints, expected):
        followups = self.step_ids.followup_id
        if not fingerprints.keys() >= set(followups._ids):
            return False
        known = self.env["lokario.followup.fingerprint"]._joined(followups, fingerprints)
        return known == expected or self._is_decided_again()

    def _is_decided_again(self):
        """Facts have changed since the mail was built: ask the decision itself, without our own steps."""
        followups = self.step_ids.followup_id
        if any((each.customer_id, each._recipient()) != (self.customer_id, self.partner_id) for each in followups):
            return False
        address = self.partner_id._reminder_address(self.channel)
        if (self.address or address, self.lang or self.partner_id.lang) != (address, self.partner_id.lang):
            return False
        decisions = followups._decide(without=self.step_ids)
        return all(step._is_decided_by(decisions.get(step.followup_id), self.level_id) for step in self.step_ids)

    # === TEXT === #

    def _followups_answered(self):
        return self.step_ids.followup_id

    def _totals(self):
        """Return [(total of the documents less the customer's credit, their currency)], one for each currency."""
        self.ensure_one()
        return [
            (sum(steps.mapped("claim_amount")) - sum(steps.mapped("credit_amount")), currency)
            for currency, steps in self.step_ids.grouped("claim_currency_id").items()
        ]

    def _credits(self):
        """Return [(unmatched payments and credit notes that are deducted, their currency)]."""
        self.ensure_one()
        per_currency = self.step_ids.filtered("credit_amount").grouped("claim_currency_id")
        return [(sum(steps.mapped("credit_amount")), currency) for currency, steps in per_currency.items()]

    def _sender_address(self):
        self.ensure_one()
        return self.company_id.email_formatted or self.env.user.email_formatted

    def _copy_addresses(self):
        self.ensure_one()
        copies = self.customer_id.with_company(self.company_id).followup_cc_ids
        return ", ".join(partner.email_formatted for partner in copies if partner._is_reachable())

    def _message_get_default_recipients(self, with_cc=False, all_tos=False):
        """The recipient, and the copies of his customer, which Odoo asks no template for."""
        found = super()._message_get_default_recipients(with_cc=with_cc, all_tos=all_tos)
        for reminder in self:
            found[reminder.id]["email_cc"] = reminder._copy_addresses()
        return found

    def _statement_url(self):
        self.ensure_one()
        return f"{self.get_base_url()}/followups/statement/{self.sudo().access_token}"

    def _notify_outcome(self):
        """Notify the person who pressed the button of what happened."""
        sent = self.filtered(lambda reminder: reminder.state in ("sent", "todo"))
        kind = "success" if sent else "warning"
        states = dict(self._fields["state"]._description_selection(self.env))
        message = self.why or states.get(self.state, "")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "title": self.env._("Follow-up"),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def _log_on_documents(self):
        """Say in the chatter of each document what was sent, in its company's language: in two queries for all."""
        bodies = defaultdict(dict)
        for each in self.filtered(lambda reminder: reminder.state == "sent"):
            reminder = each.with_context(lang=each.company_id.sudo().partner_id.lang)
            body = reminder.env._(
                "Reminder “%(level)s” sent to %(recipient)s.",
                level=reminder.level_id.name,
                recipient=reminder.partner_id.display_name,
            )
            for document in (*reminder.step_ids.followup_id.move_id, *reminder.step_ids.followup_id.order_id):
                bodies[document._name][document.id] = body
        for model, per_document in bodies.items():
            self.env[model].browse(per_document)._message_log_batch(bodies=per_document)


def _decimal(value):
    return Decimal(f"{value:.2f}")
