from odoo import api, fields, models


class SecretShownMixin(models.AbstractModel):
    """Shows a token once; the row holds no secret, it travels in the form's defaults only."""

    _name = "lokario.secret.shown.mixin"
    _inherit = ["lokario.access.mixin"]
    _description = "Token Shown Once"

    message = fields.Char(readonly=True)
    # Never stored: the value comes with the action's context and dies with the window.
    token = fields.Char(readonly=True, store=False, default=lambda self: self.env.context.get("shown_token"))

    @api.model
    def _show(self, message, token):
        """Return the action that shows `token` in a window."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shown only now"),
            "res_model": self._name,
            "view_mode": "form",
            "target": "new",
            "context": {"default_message": message, "shown_token": token},
        }
