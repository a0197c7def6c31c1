from odoo import models


class FollowupSource(models.AbstractModel):
    """A record from which a person starts a follow-up; `_followup_link` is the follow-up's field for it."""

    _name = "lokario.followup.source"
    _description = "Something that is followed up"
    _followup_link = ""

    def action_open_followup(self):
        """Open the follow-up of this record that is not done yet, or a new one to complete."""
        self.ensure_one()
        self.check_access("read")
        defaults = self._followup_defaults()
        domain = [(self._followup_link, "=", self.id), ("kind", "=", defaults["kind"]), ("state", "!=", "done")]
        known = self.env["lokario.followup"].search(domain, limit=1)
        values = {self._followup_link: self.id, **defaults}
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Follow-up"),
            "res_model": "lokario.followup",
            "res_id": known.id,
            "views": [(False, "form")],
            "context": {f"default_{name}": value for name, value in values.items()},
        }

    def _followup_defaults(self):
        """Return the other values of a new follow-up of this record."""
        raise NotImplementedError
