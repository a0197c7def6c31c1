from odoo import api, fields, models
from odoo.tools import SQL

CLOSED_STATES = ("resolved", "archived")


class InboxConversation(models.Model):
    """Figures that only a group of conversations has; PostgreSQL works them out, in every chart and table."""

    _inherit = "inbox.conversation"

    median_response_hours = fields.Float(
        related="response_hours",
        string="Median response time (h)",
        aggregator="median",
        help="Half of the answered conversations were answered sooner.",
    )
    resolved_share = fields.Float(
        string="Resolved (%)", compute="_compute_resolved_share", aggregator="avg", help="Resolved or archived ones."
    )

    @api.depends("state")
    def _compute_resolved_share(self):
        for conversation in self:
            conversation.resolved_share = 100 if conversation.state in CLOSED_STATES else 0

    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec == "median_response_hours:median":
            hours = self._field_to_sql(self._table, "response_hours", query)
            return SQL("percentile_cont(0.5) WITHIN GROUP (ORDER BY %s)", hours)
        if aggregate_spec == "resolved_share:avg":
            state = self._field_to_sql(self._table, "state", query)
            return SQL("100 * avg((%s IN %s)::int)", state, CLOSED_STATES)
        if aggregate_spec == "resolution_hours:avg":  # a reopened conversation counts again once it is closed again
            hours = super()._read_group_select(aggregate_spec, query)
            return SQL(
                "%s FILTER (WHERE %s IS NOT NULL)", hours, self._field_to_sql(self._table, "resolved_date", query)
            )
        return super()._read_group_select(aggregate_spec, query)
