from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.mail.tests.common import MailCommon

from .common import SaasCase


@tagged("post_install", "-at_install")
class TestRights(SaasCase, MailCommon):
    """Credentials go to the client an instance was made for, unless an administrator moves it."""

    def setUp(self):
        super().setUp()
        self.user = new_test_user(
            self.env, "saas-user", "saas_manager.group_saas_manager_user,base.group_partner_manager"
        )
        self.administrator = new_test_user(self.env, "saas-admin", "saas_manager.group_saas_manager_manager")
        self.instance = self.new_instance()
        self.force_state(self.instance, "active", credentials_email=self.partner.email)
        self.seen = self.instance.attempt

    def _send_credentials(self, user, method="action_send_credentials"):
        with self.assertRaises(UserError):  # his button, and a sentence that says whom to ask
            getattr(self.instance.with_user(user), method)()
        self.assertEqual(self.instance.attempt, self.seen, "no password was renewed")
        self.assertFalse(self.instance.mail_ids.filtered(lambda mail: mail.state == "sent"))

    def test_a_user_gives_no_instance_to_himself(self):
        with self.assertRaises(AccessError):
            self.instance.with_user(self.user).partner_id = self.user.partner_id
        self.instance.with_user(self.administrator).partner_id = self.user.partner_id
        self._send_credentials(self.user)  # the transfer is complete when an administrator sends them

    def test_the_same_address_written_otherwise_is_the_same(self):
        self.partner.email = f"Marie Martin <{self.partner.email.upper()}>"
        with patch.object(self.registry["saas.credentials"], "_renew_password", lambda _job, _instance: None):
            self.instance.with_user(self.user).action_send_credentials()
        self.assertEqual(self.instance.credentials_email, self.partner.email)

    def test_a_changed_address_of_the_client_is_an_administrators_matter(self):
        self.partner.with_user(self.user).email = "saas-user@evil.test"
        self._send_credentials(self.user)
        self.instance._set_guarded(pending_password="Sesame123Sesame123")
        self.env["saas.instance.mail"].create(
            {"instance_id": self.instance.id, "kind": "provisioned", "occasion": "x", "state": "failed"}
        )
        self._send_credentials(self.user, "action_retry_mail")

    def test_a_template_with_other_recipients_sends_to_the_client_only(self):
        template = self.env.ref("saas_manager.mail_template_instance_suspended")
        template.write({"email_cc": "evil@x.test", "email_to": "evil@x.test"})
        with self.mock_mail_gateway():
            self.instance._send_suspension_email()
        self.assertEqual([mail["email_to"] for mail in self._mails], [["marie@martin.test"]])

    def test_what_the_program_writes_is_nobody_elses(self):
        """The address in the mail with the link, the database behind the buttons, the database that is copied."""
        forged = {"url": "https://evil.test", "domain": "evil.test", "host": "evil.test", "database_name": "lokario"}
        for name, value in {**forged, "occupies_slot": False, "activation_date": False, "attempt": "x"}.items():
            for user in (self.user, self.administrator):
                with self.subTest(name=name, user=user.login), self.assertRaises(AccessError):
                    self.instance.with_user(user).write({name: value})
        for name in ("template_db", "previous_db", "version", "state", "is_template_ready"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                self.template.with_user(self.administrator).write({name: self.template[name]})
        self.instance.with_user(self.user).subdomain = self.instance.subdomain  # what is typed stays a person's
