from contextlib import contextmanager

from odoo import models
from odoo.sql_db import Cursor


class SaasTransactionMixin(models.AbstractModel):
    """Intent, act and record are three transactions: a job may not commit its own, and a request
    may be run again from its start."""

    _name = "saas.transaction.mixin"
    _description = "Short Transactions beside the Current One"

    @contextmanager
    def _own_transaction(self):
        """Yield these records in a transaction of their own, committed at the end of the block.

        It waits for others that change the same rows instead of failing: what follows from a step
        that has happened must be written down.
        """
        self.env.flush_all()
        with self.env.registry.cursor() as cr:
            if isinstance(cr, Cursor):  # the tests' cursor is in the middle of its transaction
                cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            yield self.with_env(self.env(cr=cr))
        self.invalidate_recordset()
