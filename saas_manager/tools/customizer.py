"""The client's name, address, language, money and mail in the copy, by SQL."""

import dataclasses
import hashlib
from pathlib import Path

from odoo.tools.image import image_guess_size_from_field_name, image_process
from odoo.tools.mail import email_normalize_all
from odoo.tools.mimetypes import guess_mimetype

from .catalog import Catalog, nearest_language, set_parameter, xmlid

LOGO_FIELDS = ("image_1920", "image_1024", "image_512", "image_256", "image_128")
RELAY_SEQUENCE = 10


@dataclasses.dataclass(frozen=True)
class Company:
    """The client as a company; empty values leave the template's alone."""

    name: str
    email: str = ""
    phone: str = ""
    vat: str = ""
    website: str = ""
    street: str = ""
    street2: str = ""
    city: str = ""
    zip: str = ""
    country_code: str = ""
    state_code: str = ""
    currency: str = ""
    lang: str = ""
    tz: str = ""


@dataclasses.dataclass(frozen=True)
class Relay:
    """An outgoing mail server; ``sender`` is the address its mails leave from."""

    host: str
    port: int
    encryption: str
    user: str = ""
    password: str = ""
    sender: str = ""


def write_company(connection, company):
    """Make ``base.main_company`` and its partner the client's.

    :return: list of what could not be done, in words of ours (never raised: a language that the
        template lacks is no reason to have no instance)
    """
    with connection.cursor() as cursor:
        company_id = xmlid(cursor, "base", "main_company")
        cursor.execute(
            """
            UPDATE res_company SET name = %(name)s, email = nullif(%(email)s, ''),
                   phone = nullif(%(phone)s, '') WHERE id = %(id)s RETURNING partner_id
            """,
            {**dataclasses.asdict(company), "id": company_id},
        )
        (partner_id,) = cursor.fetchone()
        _write_partner(cursor, company, partner_id)
        missing = _write_currency(cursor, company, company_id, Catalog.of(connection))
        if company.lang and company.lang != nearest_language(cursor, company.lang):
            missing.append(f"language {company.lang}")
    return missing


def write_country(connection, code):
    """Let ``base.main_company`` be in this country, as whoever sets up an Odoo of his own says at the start."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE res_partner SET country_id = (SELECT id FROM res_country WHERE code = %s)"
            " WHERE id = (SELECT partner_id FROM res_company WHERE id = %s)",
            [code, xmlid(cursor, "base", "main_company")],
        )


def _write_partner(cursor, company, partner_id):
    cursor.execute(
        """
        UPDATE res_partner SET name = %(name)s, complete_name = %(name)s, is_company = true,
               commercial_company_name = %(name)s,
               email = nullif(%(email)s, ''), email_normalized = nullif(%(address)s, ''),
               phone = nullif(%(phone)s, ''), vat = nullif(%(vat)s, ''),
               website = nullif(%(website)s, ''), street = nullif(%(street)s, ''),
               street2 = nullif(%(street2)s, ''), city = nullif(%(city)s, ''),
               zip = nullif(%(zip)s, ''), tz = coalesce(nullif(%(tz)s, ''), tz),
               lang = coalesce(nullif(%(lang)s, ''), lang),
               country_id = coalesce((SELECT id FROM res_country WHERE code = %(country_code)s),
                                     country_id),
               state_id = (SELECT s.id FROM res_country_state s JOIN res_country c
                               ON c.id = s.country_id
                            WHERE c.code = %(country_code)s AND s.code = %(state_code)s),
               company_registry = NULL
         WHERE id = %(id)s
        """,
        {
            **dataclasses.asdict(company),
            "id": partner_id,
            "address": next(iter(email_normalize_all(company.email)), ""),
            "lang": nearest_language(cursor, company.lang),
        },
    )


def _write_currency(cursor, company, company_id, catalog):
    cursor.execute(
        "SELECT c.id, r.currency_id FROM res_currency c, res_company r WHERE c.name = %s AND r.id = %s",
        [company.currency, company_id],
    )
    row = cursor.fetchone()
    if not row:
        return [f"currency {company.currency}"] if company.currency else []
    currency_id, current_id = row
    if currency_id == current_id:
        return []
    if catalog.has("account_move_line"):
        cursor.execute("SELECT 1 FROM account_move_line LIMIT 1")
        if cursor.fetchone():  # Odoo forbids another currency once something is booked
            return [f"currency {company.currency}"]
    cursor.execute("UPDATE res_currency SET active = true WHERE id = %s", [currency_id])
    cursor.execute("UPDATE res_company SET currency_id = %s WHERE id = %s", [currency_id, company_id])
    return []


def write_logo(connection, image, filestore_folder):
    """Store ``image`` (bytes) as the company's logo, in all sizes that Odoo keeps."""
    with connection.cursor() as cursor:
        company_id = xmlid(cursor, "base", "main_company")
        cursor.execute("SELECT partner_id FROM res_company WHERE id = %s", [company_id])
        (partner_id,) = cursor.fetchone()
        cursor.execute(
            "DELETE FROM ir_attachment WHERE res_model = 'res.partner' AND res_id = %s AND res_field = ANY(%s)",
            [partner_id, list(LOGO_FIELDS)],
        )
        for field in LOGO_FIELDS:
            size = image_guess_size_from_field_name(field)
            content = image_process(image, size=size)
            _attach(cursor, content, field, partner_id, Path(filestore_folder))
        cursor.execute(
            "UPDATE res_company SET logo_web = %s, uses_default_logo = false WHERE id = %s",
            [image_process(image, size=(180, 0)), company_id],
        )


def _attach(cursor, content, field, partner_id, folder):
    checksum = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    name = f"{checksum[:2]}/{checksum}"  # ir_attachment._get_path
    target = folder / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    cursor.execute(
        """
        INSERT INTO ir_attachment (name, type, res_model, res_field, res_id, store_fname, checksum,
                                   file_size, mimetype, create_date, write_date)
             VALUES (%s, 'binary', 'res.partner', %s, %s, %s, %s, %s, %s,
                     now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc')
        """,
        [field, field, partner_id, name, checksum, len(content), guess_mimetype(content)],
    )


def write_address(connection, url):
    """Tell the instance its own address; frozen, so that no login under another name changes it."""
    catalog = Catalog.of(connection)
    with connection.cursor() as cursor:
        set_parameter(cursor, "web.base.url", url)
        set_parameter(cursor, "web.base.url.freeze", "True")
        cursor.execute("DELETE FROM ir_config_parameter WHERE key = 'report.url'")
        if catalog.has("website", "domain"):
            cursor.execute(
                "UPDATE website SET domain = %s, name = (SELECT name FROM res_company"
                " WHERE id = website.company_id)"
                " WHERE id = (SELECT min(id) FROM website)",
                [url],
            )


def write_relay(connection, relay):
    """Make ``relay`` the only outgoing server, so that invitations work on day one."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ir_mail_server SET active = false")
        cursor.execute(
            """
            INSERT INTO ir_mail_server (name, sequence, smtp_host, smtp_port, smtp_encryption,
                        smtp_authentication, smtp_user, smtp_pass, from_filter, active, create_date)
                 VALUES (%s, %s, %s, %s, %s, 'login', nullif(%s, ''), nullif(%s, ''),
                         nullif(%s, ''), true, now() AT TIME ZONE 'utc')
            """,
            [
                relay.host,
                RELAY_SEQUENCE,
                relay.host,
                relay.port,
                relay.encryption,
                relay.user,
                relay.password,
                relay.sender.rpartition("@")[2],
            ],
        )
        if relay.sender and Catalog.of(connection).has("mail_alias_domain"):
            _write_sender(cursor, relay.sender)


def _write_sender(cursor, sender):
    """Mail leaves from ``sender``, the platform's; answers to documents go to the company, which has no inbox here."""
    cursor.execute("SELECT id, email FROM res_company WHERE email LIKE '%@%'")
    for company_id, email in cursor.fetchall():
        local, _at, domain = (email_normalize_all(email) or [email])[0].rpartition("@")
        cursor.execute(
            """
            INSERT INTO mail_alias_domain (name, default_from, bounce_alias, catchall_alias, sequence)
                 VALUES (%s, %s, 'bounce', %s, 1)
            ON CONFLICT (catchall_alias, name) DO UPDATE SET default_from = excluded.default_from RETURNING id
            """,
            [domain, sender, local],
        )
        cursor.execute("UPDATE res_company SET alias_domain_id = %s WHERE id = %s", [*cursor.fetchone(), company_id])


def postpone_due_jobs(connection):
    """Move due jobs to their next turn, at their usual time of day.

    A template is older than its instances: without this every job of every new instance would run
    in its first minute, while its client logs in for the first time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE ir_cron SET lastcall = NULL, failure_count = 0, first_failure_date = NULL,
                   nextcall = nextcall + every * ceil(
                       greatest(0, extract(epoch FROM (timezone('utc', now()) - nextcall))::float8
                       / extract(epoch FROM every)::float8))
              FROM (SELECT id AS cron_id, (interval_number || ' ' || interval_type)::interval AS every
                      FROM ir_cron) turn
             WHERE cron_id = id
            """
        )
