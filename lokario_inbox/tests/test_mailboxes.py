import ssl
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged

from lokario_testing.environments.mail import MailEnvironment
from odoo.addons.lokario_mailbox.tests.mailbox_common import PASSWORD

from ..tools.sync_plan import FoldersListed
from .mailbox_common import MailboxCase

VALUES = {"name": "Boîte", "email_password": "s3cret", "imap_host": "imap.example.com"}


@tagged("post_install", "-at_install")
class TestStoredMail(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.integrations = cls.env["inbox.integration"]
        cls.user = new_test_user(cls.env, "inbox-user", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        cls.other = new_test_user(cls.env, "inbox-other", "base.group_user,lokario_inbox.group_lokario_inbox_user")
        cls.manager = new_test_user(
            cls.env, "inbox-manager", "base.group_user,lokario_inbox.group_lokario_inbox_manager"
        )

    def _box(self, address, user=None, **values):
        return self.integrations.with_user(user or self.env.user).create({**VALUES, "email_address": address, **values})

    def test_purge_erases_what_odoo_keeps(self):
        """By its owner or a manager; the primary one only once another took over."""
        box, other = self._box("a@a.test", self.manager), self._box("b@a.test", self.manager)
        conversation = self.env["inbox.conversation"].create({"integration_id": other.id})
        with self.assertRaises(AccessError):
            other.with_user(self.user).action_purge()
        with self.assertRaisesRegex(UserError, "primary"):
            box.action_purge()
        other.action_purge()
        self.assertEqual(
            (other.active, str(other.email_password), conversation.exists()), (False, "not set", conversation.browse())
        )

    def test_folders_are_chosen_by_their_use(self):
        """INBOX, Sent, Archive and people's own folders; of Gmail "All Mail" alone; a person's choice stays."""
        box = self._box("a@a.test")
        usual = [("INBOX", "inbox"), ("Sent", "sent"), ("Drafts", "drafts"), ("Junk", "junk"), ("Clients", "")]
        listed = partial(FoldersListed, box.id, None)
        states = box._store_folders(listed(tuple((p, p, use, True) for p, use in usual), frozenset()))
        self.assertEqual([state.path for state in states], ["INBOX", "Sent", "Clients"], "to be synchronised now")
        self.assertEqual(set(box.folder_ids.filtered("sync_enabled").mapped("path")), {"INBOX", "Sent", "Clients"})
        box.folder_ids.filtered(lambda f: f.path == "Junk").sync_enabled = True
        box._store_folders(listed((("INBOX", "INBOX", "inbox", True), ("Junk", "Junk", "junk", True)), frozenset()))
        self.assertEqual(set(box.folder_ids.filtered("is_selectable").mapped("path")), {"INBOX", "Junk"})
        self.assertTrue(box.folder_ids.filtered(lambda f: f.path == "Junk").sync_enabled)
        gmail = self._box("b@gmail.com")
        labels = [
            ("INBOX", "inbox"),
            ("[Gmail]/Tous les messages", "all"),
            ("[Gmail]/Messages envoyés", "sent"),
            ("Clients", ""),
        ]
        gmail._store_folders(FoldersListed(gmail.id, None, tuple((p, p, use, True) for p, use in labels), frozenset()))
        self.assertEqual(gmail.folder_ids.filtered("sync_enabled").mapped("special_use"), ["all"])


@tagged("post_install", "-at_install")
class TestTls(MailboxCase):
    """A server with a certificate: accepted when it is trusted and names the host, else refused."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = Path(tempfile.mkdtemp(prefix="lokario-tls-"))
        cls.folder.chmod(0o755)
        cls._certificate("localhost")
        cls._certificate("elsewhere")

    @classmethod
    def _certificate(cls, name):
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
                "-addext",
                f"subjectAltName=DNS:{name}",
                "-keyout",
                cls.folder / f"{name}.key",
                "-out",
                cls.folder / f"{name}.pem",
            ],
            check=True,
            capture_output=True,
        )
        (cls.folder / f"{name}.key").chmod(0o644)

    def _connect_to(self, name, trust=None, security="ssl"):
        folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
        keys = {"certificate": self.folder / f"{name}.pem", "key": self.folder / f"{name}.key"}
        with MailEnvironment(folder, driver="sdbox", everybody=PASSWORD, **keys) as environment:
            port = environment.imaps_port if security == "ssl" else environment.imap_port
            self._allow_hosts(self.env, f"localhost:{port}")
            if trust:
                self.patch(type(self.env["inbox.integration"]), "_ca_file", lambda self: str(trust))
            box = self.box(
                f"{name}-{security}-{bool(trust)}@mail.test",
                imap_host="localhost",
                imap_port=port,
                imap_security=security,
            )
            self.sync(box)
        return box.last_error_class or box.state

    def test_self_signed_is_refused(self):
        self.assertEqual(self._connect_to("localhost"), "tls")
        self.assertEqual(self._connect_to("localhost", security="starttls"), "tls")

    def test_wrong_host_is_refused_although_trusted(self):
        self.assertEqual(self._connect_to("elsewhere", trust=self.folder / "elsewhere.pem"), "tls")

    def test_trusted_and_right_is_accepted(self):
        trust = self.folder / "localhost.pem"
        self.assertTrue(ssl.create_default_context(cafile=trust))
        self.assertEqual(self._connect_to("localhost", trust=trust), "connected")
        self.assertEqual(self._connect_to("localhost", trust=trust, security="starttls"), "connected")
