from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import format_date, format_datetime

FORECAST_DAYS = 90


class FollowupTimeline(models.AbstractModel):
    """What people see of a follow-up: what was sent, what comes next and when, and why nothing comes."""

    _name = "lokario.followup.timeline"
    _description = "Timeline of a follow-up"

    @api.model
    def _html(self, followup):
        items = [*self._past(followup), *self._future(followup), *self._job()] if followup.id else []
        rows = Markup("").join(
            Markup("<li class='mb-1'><i class='fa {} me-2'></i><b>{}</b> {}</li>").format(*item) for item in items
        )
        return Markup("<ul class='list-unstyled'>{}</ul>").format(rows)

    @api.model
    def _customer_html(self, customer):
        """Everything about the customer's documents in the order in which it happened, the newest first."""
        company = [("company_id", "=", self.env.company.id)]
        followups = self.env["lokario.followup"].sudo().search([("customer_id", "=", customer.id), *company])
        story = sorted((event for each in followups for event in self._story(each)), key=lambda event: event[0])
        rows = Markup("").join(
            Markup("<li class='mb-1'><i class='fa {} me-2'></i><b>{}</b> {}: {}</li>").format(
                icon, format_datetime(self.env, at, dt_format="short"), document, words
            )
            for at, icon, document, words in reversed(story)
        )
        return Markup("<ul class='list-unstyled'>{}</ul>").format(rows)

    @api.model
    def _story(self, followup):
        """Yield (when, icon, document, what happened)."""
        name = followup._document_label()
        for delivery in self.env["lokario.followup.evidence"]._deliveries(followup).filtered("sent_at"):
            states = dict(delivery._fields["state"]._description_selection(self.env))
            yield delivery.sent_at, "fa-envelope-o", name, f"{delivery.subject or ''} ({states[delivery.state]})"
        states = dict(followup.step_ids._fields["state"]._description_selection(self.env))
        for step in followup.step_ids:
            yield step.sent_at, "fa-bell-o", name, f"{step.level_id.name or ''} ({states[step.state]})"
        outcomes = dict(followup.promise_ids._fields["outcome"]._description_selection(self.env))
        for promise in followup.promise_ids:
            day = self.env._("promised for %s", format_date(self.env, promise.promised_for))
            yield promise.create_date, "fa-calendar-check-o", name, f"{day} ({outcomes[promise.outcome]})"
        if seen_at := followup.move_id.followup_seen_at:
            yield seen_at, "fa-eye", name, self.env._("Opened by the customer on the portal")
        for dispute in followup.dispute_ids:
            yield dispute.create_date, "fa-exclamation-circle", name, dispute.reason

    @api.model
    def _past(self, followup):
        states = dict(followup.step_ids._fields["state"]._description_selection(self.env))
        return [
            (
                "fa-check text-success" if step.state in ("sent", "read", "answered", "done") else "fa-circle-o",
                format_datetime(self.env, step.sent_at, dt_format="short"),
                f"{step.level_id.name or ''} – {states[step.state]}{f' ({step.why})' if step.why else ''}",
            )
            for step in followup.step_ids.sorted("sent_at")
        ]

    @api.model
    def _future(self, followup):
        if followup.state == "done" and followup.closed_by_hand:
            return [("fa-stop text-muted", self.env._("Closed by hand"), "")]
        forecast = followup._origin.sudo()._forecast(FORECAST_DAYS)
        reasons = dict(followup._fields["why"]._description_selection(self.env))
        coming = [
            (
                "fa-clock-o text-info",
                format_datetime(self.env, decision.at, dt_format="short"),
                followup._level_of(decision).name,
            )
            for decision in forecast.sent
        ]
        ends = [
            (
                "fa-pause text-warning",
                self.env._("Then nothing:") if decision.is_final else self.env._("On hold:"),
                reasons[decision.why.value],
            )
            for decision in forecast.silent
        ]
        return coming + ends

    @api.model
    def _job(self):
        """The job itself may be the reason: switched off, or not run for hours."""
        cron_sudo = self.env.ref("lokario_billing.ir_cron_process_followups").sudo()
        late = cron_sudo.nextcall < fields.Datetime.subtract(fields.Datetime.now(), hours=2)
        if cron_sudo.active and not late:
            return []
        last_run = format_datetime(self.env, cron_sudo.lastcall) if cron_sudo.lastcall else self.env._("never")
        warning = self.env._("The hourly job is not running.")
        return [("fa-warning text-danger", warning, self.env._("Last run: %s", last_run))]
