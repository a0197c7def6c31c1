"""What counts as secret, queued or personal in an Odoo database.

Found by reading every field name and parameter of Odoo 19.0, and what its `neutralize.sql` files
leave behind.
"""

import re

TEXT_TYPES = {"varchar", "text", "bpchar", "bytea", "json", "jsonb"}

SECRET_NAME = re.compile(
    r"(?:^|_)(?:pass|passwd|password|passphrase|pwd|pin|secrets?|[a-z]?tokens?|credentials?|hmac|"
    r"jwt|apikeys?|hashkey|access_code|sha_request|sha_response)(?:_|$)"
    r"|(?:^|_)(?:api|private|access|client|signature|replacement|shared|hash|encryption|session|"
    r"transaction|secret|webhook|hmac|license|migration|kiosk|security|merchant|aade|analytics|"
    r"app|pos|notification|website|maps|server|local|googlemap|map|key)_?keys?(?:_|$)"
    r"|_iv$|_certificate$|^pem_|pkcs12|^webhook_url$|^webhook_uuid$|_sync_token$"
)
NOT_SECRET_COLUMNS = {
    "website_form_key",
    "push_to_talk_key",
    "access_token_expiration",
    "token_endpoint",
    "l10n_in_shipping_bill_number",
}
ROTATED_NAME = re.compile(r"(?:^|_)(?:access_token|invite_token|kiosk_key|webhook_uuid)$")
# An access token that opens somebody else's service is no token of ours to renew.
FOREIGN_TOKEN = re.compile(
    r"(?:google|microsoft|oauth|outlook|gmail|razorpay|paypal|mercado|edi|facebook|twitter"
    r"|linkedin|instagram|youtube)\w*_access_token$"
)

# Deleted whole. Order matters: what points at a row goes before the row.
PURGED_TABLES = (
    "res_users_apikeys",
    "auth_totp_device",
    "auth_passkey_key",
    "auth_totp_rate_limit_log",
    "res_users_log",
    "res_device_log",
    "res_users_identitycheck",
    "ir_logging",
    "ir_cron_trigger",
    "ir_cron_progress",
    "bus_bus",
    "bus_presence",
    "mail_push",
    "mail_push_device",
    "mail_scheduled_message",
    "mail_mail",
    "sms_sms",
    "sms_tracker",
    "snailmail_letter",
    "mail_message",
    "fetchmail_server",
    "iap_account",
    "payment_transaction",
    "payment_token",
    "account_edi_proxy_client_user",
    "certificate_certificate",
    "certificate_key",
    "res_company_ldap",
    "queue_job",
    "digest_tip_res_users_rel",
    "microsoft_account_token",
    "google_drive_config",
)

# (what must exist, statement)
STATEMENTS = (
    # Nobody of the template's team keeps a way in: the administrator's name and password come
    # later, the public user has none.
    (
        [("res_users", "share")],
        """
        UPDATE res_users SET active = false
         WHERE id NOT IN (SELECT res_id FROM ir_model_data
                           WHERE module = 'base' AND model = 'res.users'
                             AND name IN ('user_admin', 'public_user', 'default_user',
                                          'template_portal_user_id'))
        """,
    ),
    ([("res_partner", "signup_type")], "UPDATE res_partner SET signup_type = NULL"),
    ([("ir_mail_server", "smtp_user")], "UPDATE ir_mail_server SET smtp_user = NULL"),
    (
        [("auth_oauth_provider", "client_id")],
        "UPDATE auth_oauth_provider SET client_id = NULL, enabled = false",
    ),
    (
        [("mail_alias", "alias_domain_id"), ("mail_alias_domain",)],
        """
        UPDATE mail_alias SET alias_domain_id = NULL;
        UPDATE res_company SET alias_domain_id = NULL;
        DELETE FROM mail_alias_domain
        """,
    ),
    (
        [("ir_attachment", "res_field")],
        """
        DELETE FROM ir_attachment
         WHERE res_model IN ('certificate.certificate', 'certificate.key', 'mail.message',
                             'ir.mail_server', 'mail.compose.message')
            OR res_field ~ '(password|secret|token|private_key|_key$|^key$)'
        """,
    ),
    ([("website", "domain")], "UPDATE website SET domain = NULL"),
)

HARMLESS_PARAMETERS = {
    "auth_password_policy.minlength",
    "auth_signup.reset_password",
    "auth_signup.reset_password.validity.hours",
    "auth_signup.signup.validity.hours",
    "barcode.max_time_between_keys_in_ms",
    "database.create_date",
    "database.is_neutralized",
    "database.secret",
    "database.uuid",
    "mail.chat_from_token",
    "microsoft_account.auth_endpoint",
    "microsoft_account.token_endpoint",
    "password.hashing.rounds",
    "portal.allow_api_keys",
    "web.base.url",
    "web.base.url.freeze",
}
SECRET_PARAMETER = re.compile(
    r"pass(?:word|wd|phrase)?(?:[._]|$)|pwd|secret|token|credential|private|(?:^|[._-])\w*key"
    r"(?:[._]|$)|client_id|account_info|account_sid|account_name|tenant_id|webhook|dsn|enterprise_code"
    r"|license|oauth|smtp|imap",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    r"-----BEGIN |^eyJ[\w-]+\.|://[^/\s:@]+:[^/\s@]+@|[?&](?:key|token|secret|sig|api_?key)="
    r"|^(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9+/_=.-]{24,}$",
)
PLAIN_VALUE = re.compile(r"^(?:true|false|\d{0,6}|)$", re.IGNORECASE)
HOST_VALUE = re.compile(r"^(?:[a-z0-9-]+\.)+[a-z]{2,}$")
UNTOUCHED_TABLES = {"ir_config_parameter", "ir_model", "ir_model_fields", "ir_ui_view"}


def is_secret_column(column):
    """Whether the values of ``column`` (:class:`.catalog.Column`) must not reach a client."""
    return (
        column.type in TEXT_TYPES
        and column.table not in UNTOUCHED_TABLES
        and column.name not in NOT_SECRET_COLUMNS
        and bool(SECRET_NAME.search(column.name))
    )


def is_rotated_column(column):
    """Whether a record needs some value there: a token of its own, or a column never empty."""
    if column.type not in {"varchar", "text"}:
        return False
    ours = ROTATED_NAME.search(column.name) and not FOREIGN_TOKEN.search(column.name)
    return column.required or bool(ours)


def is_secret_parameter(key, value):
    """Whether a system parameter looks like a secret, by its name or by its value."""
    if key in HARMLESS_PARAMETERS or PLAIN_VALUE.match(value or ""):
        return False
    if SECRET_PARAMETER.search(key):
        return True
    return bool(SECRET_VALUE.search(value)) and not HOST_VALUE.match(value)
