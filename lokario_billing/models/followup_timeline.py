from markupsafe import Markup
from odoo import api, fields, models
from odoo.tools import format_datetime

from ..const import FINAL_REASONS

FORECAST_DAYS = 90


class Followup(models.Model):
    """What people see of a follow-up: what was sent, what comes next and when, and why nothing comes."""

    _inherit = "lokario.followup"

    timeline = fields.Html(compute="_compute_timeline", compute_sudo=True, sanitize=False)

    @api.depends("step_ids.state", "next_at", "why", "auto_enabled", "promised_until", "disputed", "answer_pending")
    def _compute_timeline(self):
        for followup in self:
            items = followup._timeline_past() + followup._timeline_future() if followup.id else []
            rows = Markup("").join(
                Markup("<li class='mb-1'><i class='fa {} me-2'></i><b>{}</b> {}</li>").format(*item) for item in items
            )
            followup.timeline = Markup("<ul class='list-unstyled'>{}</ul>").format(rows)

    def _timeline_past(self):
        states = dict(self.step_ids._fields["state"]._description_selection(self.env))
        return [
            (
                "fa-check text-success" if step.state in ("sent", "read", "answered", "done") else "fa-circle-o",
                format_datetime(self.env, step.sent_at, dt_format="short"),
                f"{step.level_id.name or ''}: {states[step.state]}{f' ({step.why})' if step.why else ''}",
            )
            for step in self.step_ids.sorted("sent_at")
        ]

    def _timeline_future(self):
        if self.state == "done" and self.closed_by_hand:
            return [("fa-stop text-muted", self.env._("Closed by hand"), "")]
        forecast = self._origin.sudo()._forecast(FORECAST_DAYS)
        coming = [
            (
                "fa-clock-o text-info",
                format_datetime(self.env, decision.at, dt_format="short"),
                self._level_of(decision, {}).name,
            )
            for decision in forecast.sent
        ]
        ends = [
            (
                "fa-pause text-warning",
                self.env._("Then nothing:") if decision.why in FINAL_REASONS else self.env._("On hold:"),
                self._reason_text(decision.why),
            )
            for decision in forecast.silent
        ]
        return coming + ends + self._timeline_job()

    def _timeline_job(self):
        """The job itself may be the reason: switched off, or not run for hours."""
        cron = self.env.ref("lokario_billing.ir_cron_process_followups", raise_if_not_found=False)
        if not cron:
            return []
        cron_sudo = cron.sudo()
        late = cron_sudo.nextcall < fields.Datetime.subtract(fields.Datetime.now(), hours=2)
        if cron_sudo.active and not late:
            return []
        last_run = format_datetime(self.env, cron_sudo.lastcall) if cron_sudo.lastcall else self.env._("never")
        return [
            (
                "fa-warning text-danger",
                self.env._("The hourly job is not running."),
                self.env._("Last run: %s", last_run),
            )
        ]

    def _reason_text(self, why):
        return dict(self._fields["why"]._description_selection(self.env))[why.value]

    def _portal_url(self):
        """Where the customer sees, pays or signs the document, without login."""
        self.ensure_one()
        document = self.move_id or self.order_id
        return document.get_portal_url() if document else ""
