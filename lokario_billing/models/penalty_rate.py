from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..tools.penalties import HalfYearRate


class PenaltyRate(models.Model):
    _name = "lokario.penalty.rate"
    _inherit = ["lokario.access.mixin"]
    _description = "Late-payment rates of a half-year"
    _order = "starts_on desc"
    _rec_name = "starts_on"

    starts_on = fields.Date(required=True, help="1 January or 1 July")
    refinancing_rate = fields.Float(
        string="ECB refinancing rate (%)", required=True, digits=(6, 3), help="In force on the first day"
    )
    legal_rate = fields.Float(
        string="Legal interest rate (%)", digits=(6, 3), help="For professionals; three times this is the floor"
    )
    source = fields.Char(required=True, translate=True)

    _starts_on_uniq = models.Constraint("UNIQUE(starts_on)", "This half-year already has its rates.")

    def _shared_by_companies(self):
        return self

    @api.model
    def _shared_expression(self):
        return "True"

    @api.constrains("starts_on", "source")
    def _check_half_year(self):
        for rate in self:
            if rate.starts_on.day != 1 or rate.starts_on.month not in (1, 7):
                raise ValidationError(self.env._("Rates start on 1 January or on 1 July."))

    def _as_half_years(self) -> list[HalfYearRate]:
        return [
            HalfYearRate(
                rate.starts_on,
                _percent(rate.refinancing_rate),
                _percent(rate.legal_rate) if rate.legal_rate else None,
            )
            for rate in self
        ]


def _percent(value: float) -> Decimal:
    return Decimal(f"{value:.3f}")
