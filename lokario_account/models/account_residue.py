import psycopg2
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.res_users import check_identity
from odoo.addons.lokario_base.audit import audit

from ..tools.catalogue import KEY_TYPES
from ..tools.identity import Identity

INDEX = "tsvector"  # the type of a column that PostgreSQL searches in


class AccountResidue(models.Model):
    """A column that still names the person after all steps of a deletion, and what became of it.

    It says where, never what: the certificate lists it.
    """

    _name = "lokario.account.residue"
    _inherit = ["lokario.access.mixin"]
    _description = "What Still Named a Deleted Account"
    _order = "outcome desc, id"
    _machine_writes_as_sudo = True  # which table and column is changed as superuser is nobody's to write

    deletion_id = fields.Many2one("lokario.account.deletion", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="deletion_id.company_id")
    table = fields.Char(required=True, readonly=True)
    column = fields.Char(required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, help="The column that names a row.")
    row_keys = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    row_count = fields.Integer("Rows", compute="_compute_row_count")
    outcome = fields.Selection(
        [("open", "To be decided"), ("erased", "Erased"), ("held", "Kept")],
        required=True,
        readonly=True,
        default="open",
    )
    reason = fields.Char("Why It Stays", help="Needed to keep it; the certificate states it.")

    @api.depends("row_keys")
    def _compute_row_count(self):
        for residue in self.sudo():
            residue.row_count = len(residue.row_keys or [])

    # === BY RULE === #

    def _apply_rules(self):
        """Do what the plan's first fitting rule says; what no rule fits stays open."""
        rules = self.env["lokario.deletion.plan"]._residue_rules() if self else []
        for residue in self:
            rule = next((rule for rule in rules if rule.fits(residue.table, residue.column)), None)
            if rule and rule.action == "hold":
                residue.write({"outcome": "held", "reason": rule.reason})
            elif rule:
                residue._erase(delete=rule.action == "delete")

    def _erase(self, delete=False):
        """Replace the identifiers in the column, or delete the rows. What cannot be changed stays open."""
        for residue in self:
            try:
                with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                    erased = residue._erase_rows(delete)
            except psycopg2.IntegrityError:
                erased = False
            if erased:
                residue.outcome = "erased"

    def _erase_rows(self, delete) -> bool:
        """Change the rows that still name the person, as the rows are now; whether that was possible."""
        self.env.flush_all()
        identity = Identity.of(self.deletion_id.identifiers)
        table, column = SQL.identifier(self.table), SQL.identifier(self.column)
        rows = self.env.execute_query(
            SQL(
                """SELECT %(key)s::text, %(column)s::text, pg_typeof(%(column)s)::text
                     FROM %(table)s WHERE %(these)s FOR UPDATE""",
                key=SQL.identifier(self.key),
                column=column,
                table=table,
                these=self._is_one_of(self.row_keys),
            )
        )
        for row, text, kind in rows:
            if delete:
                self.env.cr.execute(SQL("DELETE FROM %s WHERE %s", table, self._is_one_of([row])))
            elif kind != INDEX and (without := identity.redacted(text or "")) != text:
                self.env.cr.execute(
                    SQL("UPDATE %s SET %s = %s WHERE %s", table, column, without, self._is_one_of([row]))
                )
        self._forget_index([row for row, _text, _kind in rows])
        self.env.invalidate_all(flush=False)
        return delete or not any(kind == "bytea" for _row, _text, kind in rows)

    def _forget_index(self, rows):
        """What PostgreSQL searches in repeats the texts; who keeps such an index makes it anew where it is empty."""
        indexes = self.env.execute_query(
            SQL(
                """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0
                   AND NOT attisdropped AND attgenerated = '' AND atttypid = %s::regtype""",
                self.table,
                INDEX,
            )
        )
        for (name,) in indexes:
            table, column = SQL.identifier(self.table), SQL.identifier(name)
            self.env.cr.execute(SQL("UPDATE %s SET %s = NULL WHERE %s", table, column, self._is_one_of(rows)))

    def _is_one_of(self, rows: list[str]) -> SQL:
        return SQL("%s = ANY(%s::%s[])", SQL.identifier(self.key), rows, SQL(KEY_TYPES[self.key]))

    # === BY A PERSON === #

    @check_identity
    def action_erase(self):
        self.check_access("write")
        self.sudo()._erase()
        if self.sudo().filtered(lambda residue: residue.outcome == "open"):
            raise UserError(
                self.env._("This column cannot be changed here. Correct the rows, or keep them with a reason.")
            )
        self._decided()

    @check_identity
    def action_keep(self):
        self.check_access("write")
        if not all(self.mapped("reason")):
            raise UserError(self.env._("Write down why it has to stay: the certificate states it."))
        self.sudo().outcome = "held"
        self._decided()

    def _decided(self):
        """The job goes on as soon as nothing is left to decide."""
        audit(self.env, "residue of a deletion decided", self)
        self.env.ref("lokario_account.ir_cron_account_deletions").sudo()._trigger()
