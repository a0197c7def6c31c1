from odoo import api, models
from odoo.http import root
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.deletion import StepOutcome

from ..tools import session_files

CREDENTIALS = "(password|secret|token|oauth)"  # columns of res_users that open something
ACCESS_MODELS = ("res.users.apikeys", "auth_totp.device", "auth.passkey.key", "mail.push.device")


class ErasureAccess(models.AbstractModel):
    """What opens an account: sessions, devices, keys, tokens and passwords."""

    _name = "lokario.erasure.access"
    _description = "Erasure of an Account's Access"

    @api.model
    def _erase(self, deletion):
        user, erased = deletion.user_id, {}
        devices = self.env["res.device.log"].search([("user_id", "=", user.id)])
        sessions = session_files.identifiers_of(root.session_store.path, self.env.cr.dbname, user.login)
        sessions.update(filter(None, devices.mapped("session_identifier")))
        root.session_store.delete_from_identifiers(sorted(sessions))
        for rows in (devices, *(self._rows_of(model, user) for model in ACCESS_MODELS if model in self.env)):
            erased[rows._name] = rows.ids
            rows.unlink()
        self._clear_credentials(user)
        return StepOutcome(erased)

    @api.model
    def _rows_of(self, model: str, user):
        field, owner = ("user_id", user) if "user_id" in self.env[model] else ("partner_id", user.partner_id)
        if field not in self.env[model]:
            field, owner = "create_uid", user
        return self.env[model].search([(field, "in", owner.ids)])

    @api.model
    def _clear_credentials(self, user):
        self.env.flush_all()
        columns = self.env.execute_query(
            SQL(
                """SELECT column_name FROM information_schema.columns WHERE table_name = 'res_users'
                   AND data_type IN ('character varying', 'text') AND is_nullable = 'YES' AND column_name ~ %s""",
                CREDENTIALS,
            )
        )
        cleared = SQL(", ").join(SQL("%s = NULL", SQL.identifier(column)) for (column,) in columns)
        self.env.cr.execute(SQL("UPDATE res_users SET %s WHERE id = %s", cleared, user.id))
        user.invalidate_recordset(flush=False)
