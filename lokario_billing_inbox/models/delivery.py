from odoo import models


class Delivery(models.Model):
    _inherit = "lokario.delivery"

    def _followups_of(self, document):
        """The follow-ups an answer to this document concerns."""
        if document._name == "lokario.followup.reminder":
            return document.step_ids.followup_id
        return document.followup_ids if "followup_ids" in document else self.env["lokario.followup"]
