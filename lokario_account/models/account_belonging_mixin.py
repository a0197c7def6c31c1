from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.lokario_base.tools.deletion import HAND_OVER


class AccountBelongingMixin(models.AbstractModel):
    """A thing that a person owns and what becomes of it; what is possible is asked anew each time."""

    _name = "lokario.account.belonging.mixin"
    _description = "What Becomes of What an Account Owns"

    user_id = fields.Many2one("res.users")
    key = fields.Char(required=True, readonly=True)
    label = fields.Char("What", readonly=True)
    choice = fields.Selection(
        [("keep", "Keep as the company's"), ("hand_over", "Hand over"), ("delete", "Delete")], "What Becomes of It"
    )
    heir_id = fields.Many2one("res.users", "To", ondelete="set null")
    possible_choices = fields.Json(compute="_compute_possible")
    possible_heir_ids = fields.Many2many("res.users", compute="_compute_possible")

    @api.depends("key", "user_id")
    def _compute_possible(self):
        plan_sudo = self.env["lokario.deletion.plan"].sudo()
        for user, lines in self.grouped("user_id").items():
            owned = {belonging.key: belonging for belonging in plan_sudo._belongings(user._origin.sudo())}
            for line in lines:
                belonging = owned.get(line.key)
                line.possible_choices = belonging and list(belonging.possible)
                line.possible_heir_ids = belonging and belonging.heirs

    @api.constrains("choice", "heir_id")
    def _check_choice(self):
        for line in self.filtered("choice"):
            if problem := line._problem():
                raise ValidationError(problem)

    def _problem(self) -> str:
        """Return what has to be chosen, empty when the choice can be carried out."""
        if self.choice in (self.possible_choices or ()) and (
            self.choice != HAND_OVER or self.heir_id in self.possible_heir_ids
        ):
            return ""
        if self.choice == HAND_OVER and self.heir_id:
            return self.env._(
                "%(user)s cannot take this over: %(what)s. Choose another user.",
                user=self.heir_id.name,
                what=self.label,
            )
        return self.env._("Choose what becomes of this: %s.", self.label)
