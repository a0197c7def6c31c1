from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import format_datetime

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
    def _past(self, followup):
        states = dict(followup.step_ids._fields["state"]._description_selection(self.env))
        return [
            (
                "fa-check text-success" if step.state in ("sent", "read", "answered", "done") else "fa-circle-o",
                format_datetime(self.env, step.sent_at, dt_format="short"),
                f"{step.level_id.name or ''}: {states[step.state]}{f' ({step.why})' if step.why else ''}",
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
