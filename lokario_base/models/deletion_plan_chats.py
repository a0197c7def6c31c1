from odoo import api, models


class DeletionPlan(models.AbstractModel):
    """Private conversations of an account: Odoo names each after the people in it."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _personal_rows(self):
        return [*super()._personal_rows(), self._chats_of]

    @api.model
    def _chats_of(self, deletion):
        """The conversations with nobody else; OdooBot is nobody."""
        alone = deletion._partners() | self.env.ref("base.partner_root")
        return self._private_channels(deletion).filtered(lambda channel: channel.channel_member_ids.partner_id <= alone)

    @api.model
    def _forget_names(self, deletion, messages):
        """What others have had with the person stays theirs, under their names."""
        partners = deletion._partners()
        for channel in self._private_channels(deletion):
            if any(name in channel.name for name in partners.mapped("name")):
                channel.name = ", ".join((channel.channel_member_ids.partner_id - partners).mapped("name"))
        super()._forget_names(deletion, messages)

    @api.model
    def _private_channels(self, deletion):
        return self.env["discuss.channel"].search(
            [
                ("channel_type", "in", ("chat", "group")),
                ("channel_member_ids.partner_id", "in", deletion._partners().ids),
            ]
        )
