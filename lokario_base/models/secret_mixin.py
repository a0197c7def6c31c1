import logging
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL

from ..exceptions import SecretUnreadable
from ..fields import Secret, get_vault
from ..tools.transaction import retrying, transaction
from ..tools.vault import PREFIX, NoKey, VaultError

_logger = logging.getLogger(__name__)

ROTATION_BATCH = 2000  # rows re-encrypted in one transaction


class SecretMixin(models.AbstractModel):
    """What a model with ``Secret`` fields inherits."""

    _name = "lokario.secret.mixin"
    _description = "Model with Secrets"

    secret_problem = fields.Char(
        "Unreadable Secrets",
        compute="_compute_secret_problem",
        help="Says which stored secrets can no longer be decrypted and what to do about it.",
    )

    def _compute_secret_problem(self):
        for record in self:
            broken = [field.string for field in self._secret_fields() if record.id and not record._is_readable(field)]
            record.secret_problem = bool(broken) and self.env._(
                "%s can no longer be decrypted: the encryption key changed or is missing. "
                "Restore the former key in LOKARIO_SECRET_KEYS, or enter the secret again.",
                ", ".join(broken),
            )

    @api.model
    def _secret_fields(self) -> list[Secret]:
        return [field for field in self._fields.values() if isinstance(field, Secret) and field.store]

    @api.model_create_multi
    def create(self, vals_list):
        """Store the secrets once the rows, and so their identities, are known."""
        names = {field.name for field in self._secret_fields()}
        records = super().create([{k: v for k, v in vals.items() if k not in names} for vals in vals_list])
        for record, vals in zip(records, vals_list, strict=True):
            for name in names & vals.keys():
                self._fields[name].write(record, vals[name])
            record.modified(names & vals.keys())
        return records

    def write(self, vals):
        """A secret does not follow its record to another destination."""
        moved = {field: self._moved_elsewhere(field, vals) for field in self._secret_fields()}
        result = super().write(vals)
        for field, records in moved.items():
            if records:
                super(SecretMixin, records).write({field.name: False})
                records._secret_cleared(field)
        return result

    def _moved_elsewhere(self, field: Secret, vals: dict):
        """Return the records whose secret would be sent to a new destination without having been typed again."""
        if vals.get(field.name) and not field.is_status(vals[field.name]):
            return self.browse()
        changed = [self._fields[name] for name in field.destination if name in vals]
        return self.filtered(
            lambda record: (
                record.sudo()[field.name]
                and any(
                    place.convert_to_cache(vals[place.name], record)
                    != place.convert_to_cache(record[place.name], record)
                    for place in changed
                )
            )
        )

    def _secret_cleared(self, field: Secret):
        """Hook: the secret was cleared because its destination changed; a user has to be notified."""

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """Views show whether a secret is set, and an empty box to type another."""
        arch, view = super()._get_view(view_id, view_type, **options)
        names = {field.name for field in self._secret_fields()}
        for node in arch.iter("field"):
            if node.get("name") in names and not any(parent.tag == "field" for parent in node.iterancestors()):
                node.set("widget", "lokario_secret")
                node.attrib.pop("password", None)
        return arch, view

    def _reveal_secret__(self, name: str) -> str | None:
        """Return the plain text of secret ``name``, or None when it is not set.

        Call it at the moment of use and keep the result in no field, log, message or exception.

        :raises SecretUnreadable: the key is gone, or the ciphertext belongs to another record
        """
        self.ensure_one()
        field = self._fields[name]
        sealed = self._sealed_secret(field)
        if sealed is None:
            return None
        try:
            return get_vault().unseal(sealed, field.context_of(self._name, self.id))
        except VaultError as err:
            raise SecretUnreadable(
                self.env._(
                    "%(field)s of “%(record)s” can no longer be decrypted: the encryption key changed or is missing. "
                    "Restore the former key in LOKARIO_SECRET_KEYS, or enter the secret again.",
                    field=field.string,
                    record=self.display_name,
                )
            ) from err

    def _sealed_secret(self, field: Secret) -> str | None:
        self.env.cr.execute(
            SQL("SELECT %s FROM %s WHERE id = %s", SQL.identifier(field.name), SQL.identifier(self._table), self.id)
        )
        return (self.env.cr.fetchone() or (None,))[0]

    def _is_readable(self, field: Secret) -> bool:
        try:
            self._reveal_secret__(field.name)
        except SecretUnreadable:
            return False
        return True

    # === KEY ROTATION === #

    @api.model
    def _rotate_secrets(self) -> dict[str, int]:
        """Re-encrypt every secret of the database with the newest key, batch by batch, each batch committed.

        The older keys stay usable meanwhile and may leave the configuration once ``unreadable`` and the rest are 0.

        :return: ``{"rotated": n, "unreadable": n}``
        """
        if get_vault().newest is None:
            raise NoKey("no key is configured")
        result = {"rotated": 0, "unreadable": 0}
        for model in map(self.env.get, self.env.registry):
            if model._abstract or not model._auto or not isinstance(model, self.env.registry[SecretMixin._name]):
                continue
            for field in model._secret_fields():
                model._rotate_field(field, result)
        _logger.info("secrets rotated: %(rotated)s, unreadable: %(unreadable)s", result)
        return result

    def _rotate_field(self, field: Secret, result: dict[str, int]):
        last_id = 0
        while last_id is not None:
            rotated, unreadable, last_id = retrying(partial(self._rotate_next_batch, field, last_id))
            result["rotated"] += rotated
            result["unreadable"] += unreadable

    def _rotate_next_batch(self, field: Secret, last_id: int) -> tuple[int, int, int | None]:
        with transaction(self.env) as cr:
            return self._rotate_batch(cr, field, last_id)

    def _rotate_batch(self, cr, field: Secret, last_id: int) -> tuple[int, int, int | None]:
        """Re-encrypt the next rows after ``last_id``; return how many, how many cannot be read, and the last id."""
        table, column = SQL.identifier(self._table), SQL.identifier(field.name)
        cr.execute(
            SQL(
                "SELECT id, %s FROM %s WHERE id > %s AND NOT starts_with(%s, %s) ORDER BY id LIMIT %s FOR UPDATE",
                column,
                table,
                last_id,
                column,
                f"{PREFIX}:{get_vault().newest}:",
                ROTATION_BATCH,
            ),
            log_exceptions=False,
        )
        rows = cr.fetchall()
        renewed = list(self._renewed(field, rows))
        if renewed:
            ids, sealed_list = map(list, zip(*renewed, strict=True))
            cr.execute(
                SQL(
                    "UPDATE %s t SET %s = v.sealed FROM unnest(%s::int[], %s::text[]) v(id, sealed) WHERE t.id = v.id",
                    table,
                    column,
                    ids,
                    sealed_list,
                )
            )
        return len(renewed), len(rows) - len(renewed), rows[-1][0] if rows else None

    def _renewed(self, field: Secret, rows):
        """Yield (id, secret sealed with the newest key) of the rows that can be read."""
        vault = get_vault()
        for record_id, sealed in rows:
            context = field.context_of(self._name, record_id)
            try:
                yield record_id, vault.seal(vault.unseal(sealed, context), context)
            except VaultError:
                _logger.warning("%s: the secret of row %s is unreadable and stays as it is", field, record_id)
