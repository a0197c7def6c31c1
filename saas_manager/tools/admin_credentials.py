"""The client's administrator, written into the copy without loading its registry."""

import base64
import collections
import concurrent.futures
import dataclasses
import datetime
import hashlib
import hmac
import html
import json
import os
import re
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from passlib.hash import pbkdf2_sha512
from psycopg2 import sql

from .catalog import Catalog, nearest_language, xmlid

ROUNDS = 600_000  # odoo/addons/base/models/res_users.py: MIN_ROUNDS
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # no 0 O 1 l I
MARKUP = re.compile(  # comments, styles, and tags with whatever stands in their attributes
    r"""(<!--.*?-->|<style\b.*?</style>|<(?:"[^"]*"|'[^']*'|[^'">])*>)""", re.DOTALL | re.IGNORECASE
)
LINK = re.compile(r"<a\s", re.IGNORECASE)
BLANK = "••••••••"  # instead of a password or link, in what is kept of a mail
LENGTH = 20  # 57 ** 20: 116 bits
EPOCH = datetime.datetime(1970, 1, 1)
END_OF_TIME = 253_402_300_800  # seconds after the epoch: later ones Python has no date for


@dataclasses.dataclass(frozen=True)
class Administrator:
    """Who the administrator is; ``lang`` and ``tz`` may be empty."""

    login: str
    name: str
    email: str
    lang: str = ""
    tz: str = ""


class MailCredentials:
    """A password or link on its way into one mail.

    Templates, mail rows and logs only ever see the stand-ins; :meth:`fill` puts the real values
    into the body at the moment it goes to the mail server: into what its reader sees, and into the link of a button.
    Nowhere else: an address that is loaded by itself would carry them away, whoever wrote the template.
    """

    def __init__(self, password="", url=""):
        stand_in = f"saas-credential-{secrets.token_hex(8)}"
        self.password = stand_in if password else ""
        self.url = f"https://{stand_in}.invalid" if url else ""
        self._values = {self.url: url, self.password: password}  # the longer one first

    def fill(self, body):
        """Return ``body`` with the real values."""
        return "".join(self._fill_part(part) for part in MARKUP.split(body))

    def blank(self, text):
        """Return ``text`` as it may be kept: neither the values nor what stands for them."""
        for stand_in in filter(None, self._values):
            text = text.replace(stand_in, BLANK)
        return text

    def _fill_part(self, part):
        if not part.startswith("<"):
            for stand_in, value in self._values.items():
                part = part.replace(stand_in, html.escape(value)) if stand_in else part
        elif self.url and LINK.match(part):
            part = part.replace(f'href="{self.url}"', f'href="{html.escape(self._values[self.url])}"')
        return part


class FreshPassword:
    """A password from the operating system's random source, easy to read aloud, and the hash that Odoo would store.

    The hash takes a sixth of a second, beside whatever else happens: its computation releases the interpreter lock.
    """

    def __init__(self):
        self.text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._hash = pool.submit(odoo_hash, self.text)
        pool.shutdown(wait=False)

    def hash(self):
        """The hash, as soon as it is there."""
        return self._hash.result()


def odoo_hash(password):
    """The hash that Odoo stores, made by `cryptography`: its OpenSSL takes two thirds of the time of Python's own."""
    salt = secrets.token_bytes(pbkdf2_sha512.default_salt_size)
    derivation = PBKDF2HMAC(hashes.SHA512(), pbkdf2_sha512.checksum_size, salt, ROUNDS)
    return pbkdf2_sha512(salt=salt, rounds=ROUNDS, checksum=derivation.derive(password.encode())).to_string()


class PasswordReserve:
    """One password made in advance, in memory only, so that nobody waits for its hash."""

    def __init__(self):
        self._ready = collections.deque(maxlen=1)
        os.register_at_fork(after_in_child=self._ready.clear)  # two processes must not give away the same one

    def take(self):
        """A :class:`FreshPassword` that nobody else gets."""
        try:
            return self._ready.pop()
        except IndexError:
            return FreshPassword()

    def refill(self):
        """Prepare the next one; for the moment when nobody waits."""
        if not self._ready:
            self._ready.append(FreshPassword())


RESERVE = PasswordReserve()


def write_administrator(connection, administrator, password_hash):
    """Make ``base.user_admin`` the client's: login, hash, name, e-mail, language, time zone.

    The stored computed fields of the partner are set as the ORM would set them. Who worked on the template and has left
    it keeps no login that the client could have.
    """
    catalog = Catalog.of(connection)
    with connection.cursor() as cursor:
        user_id = xmlid(cursor, "base", "user_admin")
        cursor.execute(
            "UPDATE res_users SET login = login || '.' || id WHERE login = %s AND id <> %s AND NOT active",
            [administrator.login, user_id],
        )
        cursor.execute(
            "UPDATE res_users SET login = %s, password = %s, active = true, signature = NULL"
            " WHERE id = %s RETURNING partner_id",
            [administrator.login, password_hash, user_id],
        )
        (partner_id,) = cursor.fetchone()
        _write_contact(cursor, administrator, partner_id)
        if catalog.has("res_partner", "phone_sanitized"):
            cursor.execute(
                "UPDATE res_partner SET phone = NULL, phone_sanitized = NULL WHERE id = %s",
                [partner_id],
            )


def _write_contact(cursor, administrator, partner_id):
    cursor.execute(
        """
        UPDATE res_partner SET name = %(name)s, complete_name = %(name)s, parent_id = NULL,
               email = %(email)s, email_normalized = lower(%(email)s), active = true,
               commercial_partner_id = id, tz = coalesce(nullif(%(tz)s, ''), tz),
               lang = coalesce(nullif(%(lang)s, ''), lang)
         WHERE id = %(id)s
        """,
        {
            **dataclasses.asdict(administrator),
            "id": partner_id,
            "lang": nearest_language(cursor, administrator.lang),
        },
    )


def write_email(connection, email):
    """Write the administrator's address. While he has none Odoo mails him nothing about a log-in (`auth_totp_mail`)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE res_partner SET email = %(email)s, email_normalized = lower(%(email)s) FROM res_users u"
            " WHERE u.id = %(user)s AND res_partner.id = u.partner_id",
            {"email": email, "user": xmlid(cursor, "base", "user_admin")},
        )


def set_password(connection, password_hash):
    """Give the administrator another password; sessions opened with the old one end.

    The servers keep session tokens in memory: a number in each signalling table makes them forget.
    """
    tables = {column.table for column in Catalog.of(connection).columns if column.table.startswith("orm_signaling_")}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE res_users SET password = %s WHERE id = %s",
            [password_hash, xmlid(cursor, "base", "user_admin")],
        )
        for table in sorted(tables - {"orm_signaling_registry"}):
            cursor.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(sql.Identifier(table)))


def forget_visits(connection):
    """Remove the traces of our own test login: the client's first visit is the first one."""
    catalog = Catalog.of(connection)
    with connection.cursor() as cursor:
        user_id = xmlid(cursor, "base", "user_admin")
        cursor.execute("DELETE FROM res_users_log WHERE create_uid = %s", [user_id])
        if catalog.has("res_device_log"):
            cursor.execute("DELETE FROM res_device_log WHERE user_id = %s", [user_id])


def last_login(connection):
    """When the administrator logged in last, None before the first time.

    The database is the client's: where he has put something else in the place of this table, it may hold any time.
    """
    with connection.cursor() as cursor:
        user_id = xmlid(cursor, "base", "user_admin")
        cursor.execute(
            "SELECT extract(epoch FROM max(create_date::timestamp))::float8 FROM res_users_log WHERE create_uid = %s",
            [user_id],
        )
        seconds = cursor.fetchone()[0]
    is_known = seconds is not None and 0 <= seconds < END_OF_TIME
    return EPOCH + datetime.timedelta(seconds=seconds) if is_known else None


def count_of_users(connection):
    """How many people have a login inside."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT least(count(*), 1000000)::int FROM res_users WHERE active AND share IS NOT TRUE")
        return cursor.fetchone()[0]


def reset_token(connection, hours):
    """A token for ``/web/reset_password``, valid ``hours`` or until the first login.

    Same form as Odoo's `hash_sign(env, "signup", [partner, users, login_date, type])`.
    """
    with connection.cursor() as cursor:
        user_id = xmlid(cursor, "base", "user_admin")
        cursor.execute(
            "UPDATE res_partner SET signup_type = 'reset' FROM res_users u"
            " WHERE u.id = %s AND res_partner.id = u.partner_id RETURNING res_partner.id",
            [user_id],
        )
        (partner_id,) = cursor.fetchone()
        cursor.execute("SELECT value FROM ir_config_parameter WHERE key = 'database.secret'")
        (secret,) = cursor.fetchone()
    login_date = last_login(connection)
    seen = login_date and int(login_date.timestamp())
    return _sign(secret, [partner_id, [user_id], seen, "reset"], hours)


def _sign(secret, values, hours):
    expiration = int((datetime.datetime.now() + datetime.timedelta(hours=hours)).timestamp())
    text = json.dumps(values)
    message = repr(("signup", f"1:{text}:{expiration}"))
    digest = hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()
    token = b"\x01" + expiration.to_bytes(8, "little") + digest + text.encode()
    return base64.urlsafe_b64encode(token).decode().rstrip("=")
