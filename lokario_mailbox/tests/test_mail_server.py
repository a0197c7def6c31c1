from odoo.exceptions import UserError
from odoo.tests import tagged

from .outgoing_common import MAILBOX, OutgoingCase


@tagged("post_install", "-at_install")
class TestMailServer(OutgoingCase):
    def test_a_mailbox_is_nobodys_default(self):
        server = self.integration._get_mail_server()
        self.assertEqual(server, self.integration._get_mail_server(), "one server a mailbox")
        self.assertFalse(server.smtp_pass)
        glob = self.env["ir.mail_server"].create({"name": "Global", "smtp_host": "smtp.example"})
        servers = self.env["ir.mail_server"]
        # the company's address in From does not choose its mailbox: system mail carries it, too
        self.assertNotEqual(servers._find_mail_server(MAILBOX)[0], server)
        self.assertNotEqual(servers._find_mail_server(MAILBOX, server | glob)[0], server)
        self.assertEqual(servers._find_mail_server("ann@alpha.example", server), (server, MAILBOX))

    def test_a_mailbox_sends_as_itself_and_its_aliases_only(self):
        self.integration.alias_addresses = "ventes@alpha.example"
        server = self.integration._get_mail_server()
        server._check_forced_mail_server(server, False, "Ventes <ventes@alpha.example>")
        with self.assertRaises(UserError):
            server._check_forced_mail_server(server, False, "boss@beta.example")
        self.integration.active = False
        with self.assertRaises(UserError):
            server._check_forced_mail_server(server, False, MAILBOX)

    def test_changes_of_the_mailbox_reach_its_server(self):
        server = self.integration._get_mail_server()
        self.integration.write({"smtp_port": 2525, "smtp_security": "starttls"})
        self.assertEqual((server.smtp_port, server.smtp_encryption), (2525, "starttls_strict"))
