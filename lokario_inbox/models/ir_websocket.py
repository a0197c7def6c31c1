from odoo import models


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        """Subscribe the user to the mailboxes that he may read; the client never names them."""
        channels = [c for c in channels if not (isinstance(c, str) and c.startswith("inbox."))]
        if self.env.uid and self.env.user.has_group("lokario_inbox.group_lokario_inbox_user"):
            companies = self.env.user.company_ids.ids
            readable = (
                self.env["inbox.integration"]
                .with_context(allowed_company_ids=companies)
                .search([("active", "=", True)])
            )
            channels += [(integration, "inbox") for integration in readable]
        return super()._build_bus_channel_list(channels)
