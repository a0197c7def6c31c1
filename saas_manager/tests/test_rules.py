from odoo.tests import BaseCase, tagged

from odoo.addons.saas_manager.tools.catalog import Column
from odoo.addons.saas_manager.tools.rules import is_rotated_column, is_secret_column, is_secret_parameter


def column(table, name, kind="varchar", required=False):
    return Column(table, name, kind, required)


@tagged("post_install", "-at_install")
class TestRules(BaseCase):
    def test_secret_columns(self):
        for name in (
            "password", "smtp_pass", "totp_secret", "google_gmail_refresh_token", "stripe_secret_key", "adyen_api_key",
            "oauth_access_token", "l10n_tw_edi_ecpay_hashkey", "smtp_ssl_private_key", "webhook_url", "pin",
            "aps_sha_request", "asiapay_secure_hash_secret", "email_password", "attendance_kiosk_key",
            "l10n_gr_edi_aade_key", "plausible_shared_key", "iyzico_key_secret", "google_calendar_rtoken",
        ):  # fmt: skip
            self.assertTrue(is_secret_column(column("some_table", name)), name)

    def test_harmless_columns(self):
        for name in (
            "key",
            "website_form_key",
            "passenger",
            "name",
            "shipping_policy",
            "tokenize",
            "keyword",
            "pinned",
        ):
            self.assertFalse(is_secret_column(column("some_table", name)), name)
        self.assertFalse(is_secret_column(column("some_table", "secret", "int4")))

    def test_tokens_that_a_record_needs_are_renewed(self):
        self.assertTrue(is_rotated_column(column("sale_order", "access_token")))
        self.assertTrue(is_rotated_column(column("anything", "password", required=True)))
        self.assertFalse(is_rotated_column(column("res_users", "google_gmail_access_token")))
        self.assertFalse(is_rotated_column(column("res_users", "password")))

    def test_parameters(self):
        secret = {
            "unsplash.access_key": "abc",
            "my_module.api_token": "x1",
            "acme.hook": "https://user:pw@example.com/in",
            "acme.endpoint": "https://example.com/in?key=abcdef",
            "acme.thing": "9f86d081884c7d659a2feaa0c55ad015",
            "acme.pem": "-----BEGIN PRIVATE KEY-----",
            "google_calendar_client_id": "1234.apps",
        }
        for key, value in secret.items():
            self.assertTrue(is_secret_parameter(key, value), key)
        harmless = {
            "auth_signup.reset_password": "True",
            "auth_password_policy.minlength": "8",
            "database.secret": "9f86d081884c7d659a2feaa0c55ad015",
            "mail.catchall.domain": "mail.some-long-company-name.example.com",
            "base.template_portal_user_id": "4",
            "acme.token_lifetime": "3600",
            "web.base.url": "https://acme.example.com",
        }
        for key, value in harmless.items():
            self.assertFalse(is_secret_parameter(key, value), key)
