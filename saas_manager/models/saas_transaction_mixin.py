from odoo import models

from odoo.addons.lokario_base.tools.transaction import own_transaction


class SaasTransactionMixin(models.AbstractModel):
    """Intent, act and record are three transactions: a job may not commit its own, and a request
    may be run again from its start."""

    _name = "saas.transaction.mixin"
    _description = "Short Transactions beside the Current One"

    def _own_transaction(self):
        """Yield these records in a transaction of their own, committed at the end of the block.

        It waits for others that change the same rows instead of failing: what follows from a step
        that has happened must be written down.
        """
        return own_transaction(self)
