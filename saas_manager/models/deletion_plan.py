from odoo import api, models
from odoo.fields import Domain
from odoo.tools.mail import email_normalize_all
from odoo.tools.sql import escape_psql

from odoo.addons.lokario_base.tools.deletion import HAND_OVER, Belonging, DeletionStep, StepOutcome

BATCH = 1000


class DeletionPlan(models.AbstractModel):
    """When an account is deleted: an instance needs a client, and keeps one; what the client was sent goes."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _belongings(self, user):
        instances = self.env["saas.instance"].search(
            [("partner_id", "=", user.partner_id.id), ("state", "!=", "terminated")]
        )
        colleagues = self._colleagues(user)._ids if instances else ()
        return [*super()._belongings(user), *(self._client_of(instance, colleagues) for instance in instances)]

    @api.model
    def _client_of(self, instance, colleagues):
        """The client stays until the instance is terminated or a colleague, who has an account, takes it over."""
        names = {"instance": instance.name, "host": instance.host}
        return Belonging(
            name="instance",
            key=f"saas.instance:{instance.id}",
            model="saas.instance",
            ids=instance._ids,
            label=self.env._("Odoo instance “%(instance)s” (%(host)s)", **names),
            choices=(HAND_OVER,),
            heirs=colleagues,
            refusal=self.env._(
                "You are the client of “%(instance)s” (%(host)s): have it deleted or name another client first.",
                **names,
            ),
        )

    @api.model
    def _carry_out_instance(self, deletion, belonging, choice, heir):
        self.env["saas.instance"].browse(belonging.ids).partner_id = heir.partner_id

    @api.model
    def _steps(self):
        return [*super()._steps(), DeletionStep("saas_messages", 50, self.env._("Messages about instances"))]

    @api.model
    def _step_saas_messages(self, deletion):
        """What was sent to the person alone about instances goes, its text included; others keep what they got, too."""
        person, partners = deletion._addresses(), deletion._partners()
        messages = self.env["saas.instance.mail"]
        to_client = Domain("partner_id", "in", partners.ids) & Domain("contact_id", "=", False)
        found = messages.search(to_client | Domain("contact_id", "in", partners.ids))
        for address in person:
            alike = messages.search([("email_to", "ilike", escape_psql(address))])  # joann@x.fr is among them
            found |= alike.filtered(lambda message: person >= set(email_normalize_all(message.email_to) or [""]))
        ids = found[:BATCH].ids
        found[:BATCH].unlink()
        return StepOutcome({"saas.instance.mail": ids}, remaining=bool(ids))
