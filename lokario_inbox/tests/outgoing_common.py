from odoo.addons.lokario_mailbox.tests import outgoing_common
from odoo.addons.lokario_mailbox.tests.outgoing_common import CUSTOMER


class OutgoingCase(outgoing_common.OutgoingCase):
    """Mails are written as drafts."""

    def draft(self, **values):
        return self.env["inbox.outgoing"].create(
            {
                "integration_id": self.integration.id,
                "email_to": CUSTOMER,
                "subject": "Devis",
                "body_html": "<p>Bonjour</p>",
                **values,
            }
        )
