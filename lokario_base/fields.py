"""The field type for secrets at rest."""

from functools import lru_cache

from odoo import fields
from odoo.tools import SQL

from .exceptions import NoSecretKey
from .server_settings import server_setting
from .tools.vault import BadKeys, NoKey, Vault, parse_keys

KEYS_SETTING = "LOKARIO_SECRET_KEYS"


class _NotSet(str):
    """The status "not set": reads as text, counts as false."""

    __slots__ = ()

    def __bool__(self):
        return False


SET = "set"
NOT_SET = _NotSet("not set")


def get_vault() -> Vault:
    """Return the vault of the configured keys; raises BadKeys when their list is malformed."""
    return _vault(server_setting(KEYS_SETTING))


@lru_cache(maxsize=4)
def _vault(text: str) -> Vault:
    return Vault(parse_keys(text))


class Secret(fields.Char):
    """A text that is stored encrypted and never read back.

    The column holds the ciphertext, bound to model, field and row. The ORM, and with it views, RPC, exports and copies,
    only ever sees "set" or "not set". Writing a text sets it, a false value clears it, and writing one of the two
    status words back changes nothing. The model inherits ``lokario.secret.mixin``, whose ``_reveal_secret__`` decrypts.

    ``destination`` names the fields that say where the secret is sent (host, port, encryption, login, URL): a write
    that changes one of them and does not set the secret anew clears it: no server receives what was typed for another.
    """

    copy = False
    exportable = False
    prefetch = False
    trim = False
    destination = ()

    @property
    def _column_type(self):
        return ("text", "text")

    def setup_nonrelated(self, model):
        super().setup_nonrelated(model)
        if self.store and not hasattr(model, "_reveal_secret__"):
            raise TypeError(f"{self}: a model with a Secret inherits lokario.secret.mixin")

    def _inverse_related(self, records):
        raise NotImplementedError(f"{self}: write the secret on the model that stores it")

    # === WHAT THE ORM SEES: THE STATUS === #

    def to_sql(self, model, alias):
        return SQL("CASE WHEN %s IS NULL THEN NULL ELSE %s END", super().to_sql(model, alias), str(SET))

    def convert_to_cache(self, value, record, validate=True):
        return SET if value and value != NOT_SET else None

    def convert_to_record(self, value, record):
        return SET if value else NOT_SET

    def convert_to_read(self, value, record, use_display_name=True):
        return str(self.convert_to_record(self.convert_to_cache(value, record), record))

    def convert_to_export(self, value, record):
        return self.convert_to_read(value, record)

    def convert_to_write(self, value, record):
        return value

    # === WHAT IS SEARCHED FOR: THE STATUS === #

    falsy_value = None  # "is set" asks whether there is a ciphertext; no text stands for "not set"

    def convert_to_column(self, value, record, values=None, validate=True):
        """What it is compared with; no text but the status "set" is ever found."""
        return value

    def _condition_to_sql(self, field_expr, operator, value, model, alias, query):
        if operator in {"in", "not in"}:
            value = [False if each == NOT_SET else each for each in value]
        return super()._condition_to_sql(field_expr, operator, value, model, alias, query)

    # === WHAT THE DATABASE SEES: THE CIPHERTEXT === #

    def convert_to_column_insert(self, value, record, values=None, validate=True):
        if value and not self.is_status(value):
            raise ValueError(f"{self}: a secret has no default and is never part of an INSERT")
        return

    def is_status(self, value) -> bool:
        """Whether ``value`` is a status word that was read before, and not a secret."""
        return value in (SET, str(NOT_SET))

    def write(self, records, value):  # pylint: disable=method-required-super
        if self.is_status(value):
            return
        for record in records.filtered("id"):
            self._store(record, self.seal(record, str(value)) if value else None)
        self._update_cache(records, self.convert_to_cache(value, records))

    def seal(self, record, value: str) -> str:
        """Return ``value`` encrypted for this field of ``record``."""
        try:
            return get_vault().seal(value, self.context_of(record._name, record.id))
        except (NoKey, BadKeys) as err:
            raise NoSecretKey(
                record.env._(
                    "This secret cannot be stored: no usable encryption key is configured. Create one with "
                    "`openssl rand -base64 32` and start the server with LOKARIO_SECRET_KEYS=1:<key> in its "
                    "environment (or lokario_secret_keys = 1:<key> in odoo.conf)."
                )
            ) from err

    def context_of(self, model_name: str, record_id: int) -> str:
        """Return what a ciphertext of this field is bound to."""
        return f"{model_name},{self.name},{record_id}"

    def _store(self, record, sealed):
        record.env.cr.execute(
            SQL(
                "UPDATE %s SET %s = %s WHERE id = %s",
                SQL.identifier(record._table),
                SQL.identifier(self.name),
                sealed,
                record.id,
            )
        )
