import os
import ssl
import subprocess
import tempfile
from contextlib import nullcontext
from email import message_from_bytes, policy
from pathlib import Path
from unittest.mock import patch

from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from lokario_testing.environments.mail import SmtpServer
from odoo.addons.base.models.ir_mail_server import IrMail_Server

from ..hooks import uninstall_hook

ENVIRONMENT = {
    "SMTP_HOST": "127.0.0.1",
    "SMTP_FROM_EMAIL": "noreply@lokario.test",
    "SMTP_ENCRYPTION": "none",
    "SMTP_USERNAME": "",
    "SMTP_PASSWORD": "",
}


@tagged("post_install", "-at_install")
class TestSystemMail(TransactionCase):
    """Mails really leave, by a real SMTP server on loopback."""

    def setUp(self):
        super().setUp()
        self.smtp = self.enterContext(SmtpServer())
        self.startPatcher(patch.dict(os.environ, {"SMTP_HOST": ""}))
        self.startPatcher(patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)))
        self.env["ir.mail_server"].search([]).active = False
        self.company = self.env.company
        self.company.write({"name": "Alpha", "email": "contact@alpha.test"})

    def make_server(self, **values):
        return self.env["ir.mail_server"].create(
            {
                "name": "Server",
                "smtp_host": "127.0.0.1",
                "smtp_port": self.smtp.port,
                "smtp_encryption": "none",
                **values,
            }
        )

    def send(self, **values):
        mail = self.env["mail.mail"].create(
            {
                "subject": "Bonjour",
                "email_from": self.company.email_formatted,
                "email_to": "client@example.org",
                "body_html": "<p>x</p>",
                "auto_delete": False,
                **values,
            }
        )
        mail.send()
        self.assertEqual(mail.state, "sent", mail.failure_reason)
        sender, _recipients, raw, _login = self.smtp.received[-1]
        return sender, message_from_bytes(raw, policy=policy.default)["From"]

    def test_the_plain_text_is_what_a_reader_sees(self):
        """Odoo's templates hide a preview and hundreds of invisible characters in their first lines."""
        body = "<p style='display:none'>Preview</p><table><tr><td>Due: <b style='color:red'>5</b></td></tr></table>"
        mail = self.env["mail.mail"].create(
            {"body_html": body + "<p><br></p>" * 5 + "<p>Bye</p>", "email_to": "a@b.test"}
        )
        self.assertEqual(mail._prepare_outgoing_list()[0]["body_alternative"], "Due: 5\n\nBye")

    def test_the_marked_server_first(self):
        decoy = self.make_server(name="Decoy", smtp_port=1, sequence=1, from_filter="contact@alpha.test")
        self.make_server(is_global=True, from_filter="system@lokario.test", sequence=50)
        with patch.dict(os.environ, {**ENVIRONMENT, "SMTP_PORT": "1"}):
            envelope, header = self.send()
        self.assertEqual((envelope, header), ("system@lokario.test", "Alpha <system@lokario.test>"))
        self.assertTrue(decoy.active)

    def test_then_the_environment(self):
        self.make_server(name="Decoy", smtp_port=1, sequence=1)
        with patch.dict(os.environ, {**ENVIRONMENT, "SMTP_PORT": str(self.smtp.port)}):
            envelope, header = self.send()
            self.assertIn("of the environment", self.env["res.config.settings"]._describe_system_mail())
        self.assertEqual((envelope, header), ("noreply@lokario.test", "Alpha <noreply@lokario.test>"))

    def test_without_either_odoo_chooses(self):
        self.make_server(from_filter="alpha.test")
        self.assertEqual(self.send()[0], "contact@alpha.test")
        self.assertIn("Odoo's own choice", self.env["res.config.settings"]._describe_system_mail())

    def test_defaults_of_the_environment(self):
        with patch.dict(os.environ, {"SMTP_HOST": "smtp.example.com", "SMTP_ENCRYPTION": "", "SMTP_PORT": ""}):
            server = self.env["ir.mail_server"]._environment_server()
            self.assertEqual((server["port"], server["encryption"]), (587, "starttls"))
        with patch.dict(os.environ, {"SMTP_HOST": "smtp.example.com", "SMTP_ENCRYPTION": "", "SMTP_PORT": "465"}):
            self.assertEqual(self.env["ir.mail_server"]._environment_server()["encryption"], "ssl")

    def test_the_environments_server_has_to_show_a_trusted_certificate(self):
        trusted = self.make_certificate("localhost")
        for certificate, trust, problem in (
            (trusted, trusted, None),
            (trusted, "", "CERTIFICATE_VERIFY_FAILED"),
            (elsewhere := self.make_certificate("elsewhere"), elsewhere, "Hostname mismatch"),
        ):
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(certificate)
            with mute_logger("mail.log"), SmtpServer(tls=tls) as smtp:  # it tells of the handshakes that broke
                named = {"SMTP_HOST": "localhost", "SMTP_PORT": str(smtp.port), "SMTP_ENCRYPTION": "starttls"}
                with patch.dict(os.environ, {**ENVIRONMENT, **named, "SSL_CERT_FILE": trust}):
                    mail = self.env["mail.mail"].create({"email_to": "client@example.org", "body_html": "x"})
                    with mute_logger("odoo.addons.mail.models.mail_mail"):
                        mail.send()
                self.assertEqual(mail.state, "exception" if problem else "sent", mail.failure_reason)
                self.assertIn(problem or "", mail.failure_reason or "")
                self.assertEqual(len(smtp.received), 0 if problem else 1)

    def make_certificate(self, name):
        """A file with a key and its own certificate."""
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
        files = ["-keyout", folder / "key", "-out", folder / "certificate"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
        subprocess.run(command, check=True, capture_output=True)
        both = folder / "both.pem"
        both.write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
        return str(both)

    def test_an_unknown_encryption_sends_nothing(self):
        unknown = {"SMTP_PORT": str(self.smtp.port), "SMTP_ENCRYPTION": "tls"}
        mail = self.env["mail.mail"].create({"email_to": "client@example.org", "body_html": "x"})
        with (
            patch.dict(os.environ, {**ENVIRONMENT, **unknown}),
            mute_logger("odoo.addons.mail.models.mail_mail"),
        ):
            mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertIn("SMTP_ENCRYPTION", mail.failure_reason)
        self.assertFalse(self.smtp.received)

    def test_a_down_server_is_a_failed_mail_not_a_detour(self):
        self.make_server(is_global=True, from_filter="system@lokario.test", smtp_port=1)
        self.make_server(name="Detour")
        mail = self.env["mail.mail"].create({"subject": "x", "email_to": "client@example.org", "body_html": "x"})
        with mute_logger("odoo.addons.mail.models.mail_mail"):
            mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertFalse(self.smtp.received)

    def test_asking_for_the_global_server_costs_no_query(self):
        """Each mail asks several times."""
        servers = self.env["ir.mail_server"]
        self.assert_asked_without_query(servers)
        expected = self.make_server(is_global=True, from_filter="noreply@lokario.test")
        self.assert_asked_without_query(expected)
        expected.active = False
        self.assertFalse(servers._global_server())
        expected.active = True
        self.assertEqual(servers._global_server(), expected)
        expected.unlink()
        self.assertFalse(servers._global_server())

    def assert_asked_without_query(self, expected):
        servers = self.env["ir.mail_server"]
        for first in (True, False):
            with nullcontext() if first else self.assertQueryCount(0):
                self.assertEqual(servers._global_server(), expected)
                servers._global_address()
                servers._environment_server()

    def test_uninstalled_the_global_server_sends_nobodys_mail(self):
        server = self.make_server(is_global=True, from_filter=False, sequence=1)
        self.assertEqual(self.env["ir.mail_server"]._find_mail_server("someone@else.test")[0], server)
        uninstall_hook(self.env)
        self.assertFalse(server.active)
        self.assertFalse(self.env["ir.mail_server"]._find_mail_server("someone@else.test")[0])

    def test_settings_choose_the_global_server(self):
        first, second = self.make_server(is_global=True), self.make_server(name="Second")
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.lokario_global_server_id, first)
        settings.lokario_global_server_id = second
        self.assertEqual((first.is_global, second.is_global), (False, True))

    def test_a_neutralized_copy_sends_nothing(self):
        self.make_server(is_global=True)
        for query in get_neutralization_queries(["base", "mail", "lokario_base"]):
            self.env.cr.execute(query)
        self.env.registry.clear_cache()  # in life the copy is a database that no server has loaded yet
        self.env["ir.config_parameter"].set_param("database.is_neutralized", True)
        self.env.invalidate_all()
        mail = self.env["mail.mail"].create({"subject": "x", "email_to": "client@example.org", "body_html": "x"})
        with (
            patch.dict(os.environ, {**ENVIRONMENT, "SMTP_PORT": str(self.smtp.port)}),
            mute_logger("odoo.addons.mail.models.mail_mail"),
        ):
            mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertFalse(self.smtp.received)
