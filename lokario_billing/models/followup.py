from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..const import FOLLOWUP_KINDS, FOLLOWUP_SOURCES, WHY_NOT
from ..tools import followup_plan
from ..tools.followup_simulation import simulate
from ..tools.followup_work import WORK, work_of

DEFAULT_DELAY = 7  # days
# why a late document waits for a person
ASKING = ("not_arrived", "bank_money", "bank_sum", "no_recipient", "do_not_contact")


class Followup(models.Model):
    _name = "lokario.followup"
    _description = "Follow-up"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "mail.activity.mixin", "lokario.access.mixin"]
    _order = "next_at, due_date, id"
    _check_company_auto = True
    _machine_writes_as_sudo = True

    name = fields.Char(compute="_compute_name", store=True, readonly=False, required=True, precompute=True)
    kind = fields.Selection(FOLLOWUP_KINDS, required=True, default="missing_info", index=True)
    source = fields.Selection(FOLLOWUP_SOURCES, required=True, default="manual")
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one(
        "res.partner",
        "Contact",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        check_company=True,
    )
    customer_id = fields.Many2one(
        "res.partner",
        related="partner_id.commercial_partner_id",
        string="Customer",
        store=True,
        index=True,
        precompute=True,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        compute="_compute_user_id",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    move_id = fields.Many2one("account.move", string="Invoice", ondelete="cascade", check_company=True)
    order_id = fields.Many2one("sale.order", string="Quote", ondelete="cascade", check_company=True)
    policy_id = fields.Many2one(
        "lokario.followup.policy",
        compute="_compute_policy",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('kind', '=', kind), ('company_id', 'in', (company_id, False))]",
    )
    auto_enabled = fields.Boolean(
        string="Automatic",
        compute="_compute_auto_enabled",
        inverse="_inverse_auto_enabled",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Defaulted from the document, then the customer, then the company.",
    )
    auto_frequency_days = fields.Integer(string="Own spacing (days)", help="0 = as in the policy")
    auto_stop_on_response = fields.Boolean(
        compute="_compute_stops", store=True, readonly=False, precompute=True, string="Stop when answered"
    )
    auto_stop_on_paid = fields.Boolean(
        compute="_compute_stops", store=True, readonly=False, precompute=True, string="Stop when paid"
    )
    auto_stop_on_refused = fields.Boolean(
        compute="_compute_stops", store=True, readonly=False, precompute=True, string="Stop when refused"
    )
    state = fields.Selection(
        [("todo", "To do"), ("waiting", "Waiting"), ("done", "Done")],
        required=True,
        default="todo",
        readonly=True,
        index=True,
        copy=False,
        tracking=True,
    )
    due_date = fields.Date(default=lambda self: fields.Date.context_today(self) + timedelta(days=DEFAULT_DELAY))
    sent_date = fields.Date(string="Document sent on")
    amount = fields.Monetary(
        help="Of an invoice what is overdue, less partial payments; of a quote its total. In the company's currency"
    )
    claim_amount = fields.Monetary(
        string="Amount of the document", currency_field="claim_currency_id", readonly=True, copy=False
    )
    claim_currency_id = fields.Many2one("res.currency", compute="_compute_claim_currency", compute_sudo=True)
    next_level_id = fields.Many2one("lokario.followup.level", readonly=True, copy=False)
    next_at = fields.Datetime(string="Next reminder", readonly=True, copy=False, index=True)
    why = fields.Selection(WHY_NOT, string="On hold because", readonly=True, copy=False)
    answered_at = fields.Datetime(string="Customer answered on", readonly=True, copy=False)
    answer_pending = fields.Boolean(string="Answer to handle", readonly=True, copy=False, index="btree_not_null")
    refused = fields.Boolean(readonly=True, copy=False)
    closed_by_hand = fields.Boolean(readonly=True, copy=False)
    promised_until = fields.Date(string="Promised for", readonly=True, copy=False)
    disputed = fields.Boolean(readonly=True, copy=False)
    work = fields.Selection(
        WORK,
        string="To do now",
        readonly=True,
        copy=False,
        index="btree_not_null",
        group_expand=lambda self, values, domain: [work for work, _label in WORK if work in values],
    )
    start_on = fields.Date(string="Count from", copy=False, help="An old document: as if it had fallen due on this day")
    first_level = fields.Integer(string="Begin with level", copy=False, help="The number of the level; 0 = the first")
    approved_level = fields.Char(readonly=True, copy=False)
    handed_over_on = fields.Date(string="Handed over on", readonly=True, copy=False)
    plan_ids = fields.One2many("lokario.followup.plan", "followup_id", string="Payment plans")
    step_ids = fields.One2many("lokario.followup.step", "followup_id", string="History", readonly=True)
    promise_ids = fields.One2many("lokario.followup.promise", "followup_id", string="Promises")
    dispute_ids = fields.One2many("lokario.followup.dispute", "followup_id", string="Disputes")
    answer_by = fields.Date(string="To be answered by", compute="_compute_answer_by")
    step_count = fields.Integer(compute="_compute_step_count", compute_sudo=True)
    can_open_document = fields.Boolean(compute="_compute_can_open_document")
    days_late = fields.Integer(compute="_compute_days_late", search="_search_days_late")
    timeline = fields.Html(compute="_compute_timeline", compute_sudo=True, sanitize=False)

    _move_uniq = models.UniqueIndex("(move_id) WHERE move_id IS NOT NULL", "This invoice already has its follow-up.")
    _order_uniq = models.UniqueIndex("(order_id) WHERE order_id IS NOT NULL", "This quote already has its follow-up.")

    @api.depends("move_id", "order_id", "kind", "partner_id")
    def _compute_name(self):
        for followup in self:
            document = followup._document()
            if document or not followup.name:
                followup.name = (document or followup.partner_id).display_name or ""

    @api.depends("move_id.company_id", "order_id.company_id")
    def _compute_company_id(self):
        """A document that moves to another company is followed up there."""
        for followup in self:
            document = followup.move_id or followup.order_id
            followup.company_id = document.company_id or followup.company_id or self.env.company

    @api.depends("move_id.partner_id", "order_id.partner_id")
    def _compute_partner_id(self):
        """A corrected document is followed up with the customer it has now."""
        for followup in self:
            document = followup.move_id or followup.order_id
            followup.partner_id = document.partner_id or followup.partner_id

    @api.depends("move_id.currency_id", "order_id.currency_id", "company_id")
    def _compute_claim_currency(self):
        for followup in self:
            document = followup.move_id or followup.order_id
            followup.claim_currency_id = document.currency_id or followup.company_id.currency_id

    @api.depends("kind", "company_id")
    def _compute_policy(self):
        policies = {}
        for followup in self:
            key = (followup.company_id, followup.kind)
            if key not in policies:
                policies[key] = self.env["lokario.followup.policy"]._get_for(*key)
            followup.policy_id = policies[key]

    @api.depends("policy_id", "move_id.invoice_user_id", "order_id.user_id")
    def _compute_user_id(self):
        for followup in self:
            seller = followup.move_id.invoice_user_id or followup.order_id.user_id
            by_hand = not (followup.move_id or followup.order_id)
            followup.user_id = followup.policy_id.responsible_id or seller or (by_hand and self.env.user)

    @api.depends("move_id.followup_auto", "order_id.followup_auto", "customer_id.followup_auto", "company_id")
    def _compute_auto_enabled(self):
        for followup in self:
            document = followup.move_id or followup.order_id
            customer = followup.customer_id.with_company(followup.company_id)
            choices = [document.followup_auto if document else "default", customer.followup_auto]
            choice = next((choice for choice in choices if choice in ("on", "off")), None)
            followup.auto_enabled = choice == "on" if choice else followup.company_id.followup_auto_default

    def _inverse_auto_enabled(self):
        """A person's choice is the document's own: it stays when the customer is corrected."""
        for followup in self:
            document_sudo = (followup.move_id or followup.order_id).sudo()
            if document_sudo:
                document_sudo.followup_auto = "on" if followup.auto_enabled else "off"

    @api.depends("policy_id")
    def _compute_stops(self):
        for followup in self:
            policy = followup.policy_id
            followup.auto_stop_on_response = policy.stop_on_answer
            followup.auto_stop_on_paid = policy.stop_on_paid
            followup.auto_stop_on_refused = policy.stop_on_refused

    @api.depends("step_ids")
    def _compute_step_count(self):
        counts = dict(
            self.env["lokario.followup.step"]._read_group(
                [("followup_id", "in", self.ids), ("state", "!=", "cancelled")], ["followup_id"], ["__count"]
            )
        )
        for followup in self:
            followup.step_count = counts.get(followup, 0)

    @api.depends("dispute_ids.state", "dispute_ids.answer_by")
    def _compute_answer_by(self):
        """The first day on which a customer waits for an answer to what he disputes."""
        for followup in self:
            waiting = followup.dispute_ids.filtered(lambda dispute: dispute.state == "open")
            followup.answer_by = min(waiting.mapped("answer_by"), default=False)

    @api.depends_context("uid")
    @api.depends("move_id", "order_id")
    def _compute_can_open_document(self):
        for followup in self:
            document = followup._document()
            followup.can_open_document = bool(document) and document.has_access("read")

    @api.depends("due_date", "company_id")
    def _compute_days_late(self):
        for company, followups in self.grouped("company_id").items():
            today = company._followup_today() if company else fields.Date.today()
            for followup in followups:
                followup.days_late = max((today - followup.due_date).days, 0) if followup.due_date else 0

    def _search_days_late(self, operator, value):
        if operator not in (">", ">=", "<", "<="):
            return NotImplemented
        mirrored = {">": "<", ">=": "<=", "<": ">", "<=": ">="}[operator]
        return Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("due_date", mirrored, company._followup_today() - timedelta(days=value))
            for company in self.env.companies
        )

    @api.depends("step_ids.state", "next_at", "why", "auto_enabled", "promised_until", "disputed", "answer_pending")
    def _compute_timeline(self):
        for followup in self:
            followup.timeline = self.env["lokario.followup.timeline"]._html(followup)

    @api.constrains("move_id", "order_id", "kind")
    def _check_document(self):
        for followup in self:
            if followup.kind == "invoice" and not followup.move_id:
                raise ValidationError(self.env._("Choose the invoice that is followed up."))
            if followup.kind == "quote" and not followup.order_id:
                raise ValidationError(self.env._("Choose the quote that is followed up."))

    # === ACTIONS === #

    def _acting(self):
        """Return the follow-ups (sudo) for a person who may change them: their state is the program's to write."""
        self.check_access("write")
        return self.sudo()

    def action_mark_done(self):
        """Close by hand; a closed follow-up is never sent again unless it is reopened."""
        followups_sudo = self._acting()
        followups_sudo.closed_by_hand = True
        followups_sudo._set_done()

    def action_reopen(self):
        followups_sudo = self._acting()
        undone = dict.fromkeys(("closed_by_hand", "answer_pending", "answered_at", "refused", "handed_over_on"), False)
        followups_sudo.write(undone)
        followups_sudo._set_waiting()
        followups_sudo._refresh_plan()

    def action_answer_handled(self):
        """The customer's answer was dealt with: the policy decides whether reminders go on."""
        followups_sudo = self._acting()
        followups_sudo.answer_pending = False
        followups_sudo._refresh_plan()

    def action_approve_level(self):
        """Let the next level go, when its hour comes."""
        for followup_sudo, decision in self._acting()._decide_all():
            if decision.level:
                followup_sudo.approved_level = followup_plan.approval_key(decision.document, decision.level)
        self._refresh_plan()

    def action_hand_over(self):
        """Make the file for a collection agency; reminders end with it."""
        followups_sudo = self._acting()
        if not followups_sudo.move_id:
            raise UserError(self.env._("Choose invoices: only these are handed over."))
        file = self.env["lokario.followup.evidence"]._download(followups_sudo, followups_sudo.company_id[:1].name)
        for company, of_company in followups_sudo.grouped("company_id").items():
            of_company.handed_over_on = company._followup_today()
        followups_sudo._refresh_plan()
        return {**file, "target": "new"}  # the form is shown as it is now

    def action_refused(self):
        """The customer said no."""
        followups_sudo = self._acting()
        followups_sudo.refused = True
        followups_sudo._refresh_plan()

    def action_toggle_auto(self):
        for followup in self:
            followup.auto_enabled = not followup.auto_enabled
        self._refresh_plan()

    def action_send_now(self):
        """Send the next level without waiting for its day; every other guard holds."""
        return self._send_now()

    def _send_now(self, note=False):
        self.ensure_one()
        followup_sudo = self._acting()  # who works with follow-ups need not read invoices
        return self.env["lokario.followup.reminder"].sudo()._send_by_hand(followup_sudo, note)._notify_outcome()

    def action_write(self):
        """Open a custom text for the next reminder."""
        self.ensure_one()
        self.check_access("write")
        return self.env["lokario.followup.draft"].create({"followup_id": self.id})._as_dialog()

    def action_call(self):
        """Note what the customer said on the phone."""
        self.ensure_one()
        self.check_access("write")
        return self.env["lokario.followup.call"]._dialog(self)

    def action_evidence(self):
        """Make the evidence file and download it."""
        self.ensure_one()
        self.check_access("read")
        return self.env["lokario.followup.evidence"]._download(self.sudo(), self._document_label())

    def action_view_document(self):
        self.ensure_one()
        document = self._document()
        if not document:
            raise UserError(self.env._("This follow-up was made by hand: it has no document."))
        return document.get_formview_action()

    @api.model
    def _open_for(self, document):
        """Open the follow-up of a document that the user may read; a missing one is made."""
        document.check_access("read")
        followup_sudo = document.sudo().followup_ids[:1]
        if not followup_sudo:
            followup_sudo = self.sudo().create(document.sudo()._followup_values())
            followup_sudo._refresh_plan()
        return followup_sudo.with_env(self.env).get_formview_action()

    # === DOCUMENT === #

    def _document(self):
        """Return the record that is followed up; other addons know of more kinds."""
        self.ensure_one()
        return self.move_id or self.order_id

    def _document_label(self):
        """What a customer calls the document."""
        self.ensure_one()
        document = self.sudo().move_id or self.sudo().order_id
        return document.name if document else self.name

    def _left_to_pay(self, covered=None):
        """What is open of the document in the company's currency, due or not, less the customer's unmatched money.

        :param covered: what that money covers, where it is known already (see lokario.followup.money)
        """
        if not self.move_id:
            return self.amount
        if covered is None:
            covered = self.env["lokario.followup.money"]._covered(self.customer_id, self.company_id)
        return abs(self.move_id.amount_residual_signed) - covered.get(self.move_id.id, 0.0)

    def _portal_url(self):
        """Where the customer sees, pays or signs the document, without login."""
        self.ensure_one()
        document = self.move_id or self.order_id
        return document.get_portal_url() if document else ""

    def _recipient(self):
        """Return the partner who gets the reminder: the invoice's own contact for claims, the contact for the rest."""
        self.ensure_one()
        if self.kind != "invoice":
            return self.partner_id
        partner = self.partner_id.with_company(self.company_id)
        return partner._followup_contact(lambda: self.move_id._ordering_contacts())

    def _policy_in_force(self):
        """Return the follow-up's policy, the company's where that one was archived; perhaps none."""
        if self.policy_id.active:
            return self.policy_id
        return self.env["lokario.followup.policy"]._get_for(self.company_id, self.kind)

    def _level_of(self, decision):
        """Return the record of the level of a decision; perhaps none."""
        wanted = decision.level and decision.level.sequence
        return self._policy_in_force().level_ids.filtered(lambda level: level.sequence == wanted)

    # === DECISION === #

    @api.model
    def _cron_process_automatic(self):
        self.env["lokario.followup.run"]._process_companies()

    def _decide(self, without=None):
        """Return {followup: decision} of follow-ups of one company.

        :param without: steps that do not count, because they are the ones being decided about
        """
        if not self:
            return {}
        facts = self.env["lokario.followup.facts"]
        documents, history = facts._documents(self, without), facts._history(self, without)
        window, now = self.company_id._followup_window(), fields.Datetime.now()
        decisions = followup_plan.decide(documents.values(), history, window, now)
        known = {followup.id: followup for followup in self}  # these are read together
        return {known[decision.document.key]: decision for decision in decisions}

    def _decide_all(self):
        """Yield (follow-up, decision) of follow-ups of several companies."""
        for followups in self.grouped("company_id").values():
            yield from followups._decide().items()

    def _forecast(self, days=90, assume_enabled=False, starts=None):
        """Return the Forecast of these follow-ups of one company.

        :param starts: {follow-up: facts} that are tried, and not stored
        """
        facts = self.env["lokario.followup.facts"]
        company = self.company_id or self.env.company
        documents = facts._documents(self, assume_enabled=assume_enabled) if self else {}
        documents |= {each: replace(documents[each], **tried) for each, tried in (starts or {}).items()}
        window, now = company._followup_window(), fields.Datetime.now()
        return simulate(documents.values(), facts._history(self), window, now, days)

    def _plan_and_store(self):
        """Store every decision and return the groups that are due: lists of (followup, decision)."""
        decisions = self._decide()
        for followup, decision in decisions.items():
            followup._apply_decision(decision)
        return followup_plan.groups_to_send(decisions.items())

    def _refresh_plan(self):
        """Decide again, after whatever changed."""
        for followups in self.sudo().grouped("company_id").values():
            followups._plan_and_store()

    def _claim_due(self):
        """Claim what is still due, under lock."""
        groups = followup_plan.groups_to_send(self.try_lock_for_update()._decide().items())
        return self.env["lokario.followup.reminder"]._prepare(groups)

    def _apply_decision(self, decision):
        """Store what the pure decision said, for people to read; writes only what changed."""
        final = decision.is_final
        level = self._level_of(decision)
        values = {
            "state": "done" if final else "waiting" if decision.send or decision.at else "todo",
            "why": decision.why.value if decision.why else False,
            "next_at": decision.at or False,
            "next_level_id": level.id if level and not final else False,
            "work": work_of(decision, self.company_id._followup_today()) or False,
            **self._claim_values(decision.document),
        }
        changed = {
            name: value
            for name, value in values.items()
            if (self[name].id if name == "next_level_id" else self[name]) != value
        }
        if changed:
            before = self.why
            self.with_context(tracking_disable=True)._set_state(changed.pop("state", self.state), changed)
            if "why" in changed:
                self._why_changed(before)

    def _claim_values(self, document):
        """What is overdue now, after payments and instalments; by hand a person wrote it."""
        if not (self.move_id or self.order_id):
            return {}
        return {
            "amount": self.currency_id.round(document.amount),
            "claim_amount": self.claim_currency_id.round(document.claim),
            "due_date": document.owed_since or False,
        }

    # === STATE === #

    def _set_state(self, state, values):
        self.sudo().write({"state": state, **values})  # the program's to write, whoever made it decide

    def _set_done(self):
        """A person closed it."""
        self._set_state("done", {"why": False, "next_at": False, "next_level_id": False})

    def _set_waiting(self):
        self._set_state("waiting", {"why": False})

    # === WHAT CUSTOMERS AND COLLEAGUES DO === #

    def _reply_received(self, values=None):
        """A person answered: nothing more goes out before a person has handled the answer.

        The chatter of invoices, quotes and reminders calls it, and whoever else reads answers; automatic answers and
        bounces never come here.

        :param values: what the caller knows of the answer, for the follow-up
        """
        open_ones = self.sudo().filtered(lambda followup: followup.state != "done" and not followup.answer_pending)
        if not open_ones:
            return
        answered = {"answered_at": fields.Datetime.now(), "answer_pending": True, **(values or {})}
        open_ones.with_context(tracking_disable=True).write(answered)  # the timeline says it
        for followup in open_ones:
            followup.step_ids.filtered(lambda step: step.state in ("sent", "read"))[:1]._set_answered()
            followup._ask_responsible("answered")
        open_ones._refresh_plan()

    def _why_changed(self, before):
        """Some reasons are work for a person; a payment that was only announced is one line of history."""
        given = self.promise_ids.filtered(lambda promise: promise.promised_for == self.promised_until)
        if before == "promised" and self.state != "done" and "broken" in given.mapped("outcome"):
            self._ask_responsible("broken")
        if before == "plan" and "broken" in self.plan_ids.mapped("outcome"):
            self._ask_responsible("plan")
        if self.why in ASKING and self.days_late > 0:
            self._ask_responsible(self.why)
        if self.why in ("payment_pending", "direct_debit"):
            spoken = self.with_context(lang=self.company_id.sudo().partner_id.lang).env
            self._message_log(body=spoken._("A payment was announced or is under way: reminders wait for some days."))

    def _ask_responsible(self, question, detail=None, **values):
        """Ask for something (see lokario.followup.task).

        :param values: of the activity: `attachment_ids`, `date_deadline`
        """
        self.ensure_one()
        self.env["lokario.followup.task"]._schedule(self, question, detail, values)
