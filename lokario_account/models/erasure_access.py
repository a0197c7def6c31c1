from odoo import api, models
from odoo.http import root
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.deletion import StepOutcome

CREDENTIALS = "(password|secret|token|oauth)"  # columns of res_users that open something
ACCESS_MODELS = ("res.users.apikeys", "auth_totp.device", "auth.passkey.key", "mail.push.device")


class ErasureAccess(models.AbstractModel):
    """What opens an account: sessions, devices, keys, tokens and passwords.

    The search ends the sessions that no device log knows.
    """

    _name = "lokario.erasure.access"
    _description = "Erasure of an Account's Access"

    @api.model
    def _erase(self, deletions):
        users = deletions.user_id
        devices = self.env["res.device.log"].search([("user_id", "in", users.ids)])
        root.session_store.delete_from_identifiers(sorted(filter(None, devices.mapped("session_identifier"))))
        found = [(devices, "user_id"), *(self._rows_of(model, users) for model in ACCESS_MODELS if model in self.env)]
        outcomes = {deletion: StepOutcome({}) for deletion in deletions}
        for rows, owner in found:
            owned = rows.grouped(owner)
            for deletion, outcome in outcomes.items():
                person = deletion.partner_id if owner == "partner_id" else deletion.user_id
                outcome.erased[rows._name] = owned.get(person, rows.browse()).ids
            rows.unlink()
        self._clear_credentials(users)
        return outcomes

    @api.model
    def _rows_of(self, model: str, users):
        """Return the model's rows of these users, and the field that says whose each is."""
        rows = self.env[model]
        owner = next((name for name in ("user_id", "partner_id") if name in rows), "create_uid")
        people = users.partner_id if owner == "partner_id" else users
        return rows.search([(owner, "in", people.ids)]), owner

    @api.model
    def _clear_credentials(self, users):
        self.env.flush_all()
        columns = self.env.execute_query(
            SQL(
                """SELECT column_name FROM information_schema.columns WHERE table_name = 'res_users'
                   AND data_type IN ('character varying', 'text') AND is_nullable = 'YES' AND column_name ~ %s""",
                CREDENTIALS,
            )
        )
        cleared = SQL(", ").join(SQL("%s = NULL", SQL.identifier(column)) for (column,) in columns)
        self.env.cr.execute(SQL("UPDATE res_users SET %s WHERE id = ANY(%s)", cleared, users.ids))
        users.invalidate_recordset(flush=False)
