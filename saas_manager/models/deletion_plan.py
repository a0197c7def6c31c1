from odoo import api, models
from odoo.tools.mail import email_normalize_all
from odoo.tools.sql import escape_psql

from odoo.addons.lokario_base.tools.deletion import DeletionStep, StepOutcome

BATCH = 1000


class DeletionPlan(models.AbstractModel):
    _inherit = "lokario.deletion.plan"

    @api.model
    def _obstacles(self, user):
        """The client of an instance stays until it is terminated or another client named: it needs an owner."""
        instances = self.env["saas.instance"].search(
            [("partner_id", "=", user.partner_id.id), ("state", "!=", "terminated")]
        )
        return super()._obstacles(user) + [
            self.env._(
                "You are the client of “%(instance)s” (%(host)s): have it deleted or name another client first.",
                instance=instance.name,
                host=instance.host,
            )
            for instance in instances
        ]

    @api.model
    def _steps(self):
        return [*super()._steps(), DeletionStep("saas_messages", 50, self.env._("Messages about instances"))]

    @api.model
    def _step_saas_messages(self, deletion):
        """What was sent to the person about instances goes, its text included."""
        person = deletion._addresses()
        messages = self.env["saas.instance.mail"]
        found = messages.search([("partner_id", "in", deletion._partners().ids)], limit=BATCH)
        for address in person:
            alike = messages.search([("email_to", "ilike", escape_psql(address))], limit=BATCH)
            found |= alike.filtered(lambda message: person & set(email_normalize_all(message.email_to)))
        ids = found.ids
        found.unlink()
        return StepOutcome({"saas.instance.mail": ids}, remaining=bool(ids))
