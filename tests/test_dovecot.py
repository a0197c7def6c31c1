"""The mail provider of the tests and the demo starts on this machine's Dovecot, 2.3 or 2.4, with all it offers."""

import imaplib
import ssl
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from lokario_testing.environments.dovecot import Dovecot
from lokario_testing.environments.mail import MailEnvironment

PASSWORD = 'correct"horse\\battery'


class Introspection(BaseHTTPRequestHandler):
    """Knows one token, and whose it is."""

    def do_GET(self):
        known = self.headers.get("Authorization") == "Bearer good"
        body = b'{"email": "ann@mail.test", "active": true}' if known else b"{}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        """Nothing: pytest's output is for the tests."""


@pytest.fixture
def folder():
    place = Path(tempfile.mkdtemp(prefix="lokario-mail-"))  # not pytest's: Dovecot's own user must reach it
    place.chmod(0o755)
    return place


@pytest.fixture
def introspection():
    with ThreadingHTTPServer(("127.0.0.1", 0), Introspection) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/introspect"
        server.shutdown()


@pytest.mark.parametrize("driver", ["maildir", "sdbox"])
def test_users_folders_and_delivery(folder, driver):
    with MailEnvironment(folder, driver=driver) as environment:
        environment.folders["All Mail"] = r"\All"
        environment.add_user("ann@mail.test", "ann's")
        environment.add_user("Bob@mail.test", "bob's")
        if driver == "maildir":
            environment.deliver("ann@mail.test", b"Subject: one\r\n\r\nbody\r\n")
        client = imaplib.IMAP4("127.0.0.1", environment.imap_port)
        with pytest.raises(imaplib.IMAP4.error):
            client.login("ann@mail.test", "bob's")
        client.login("ann@mail.test", "ann's")
        assert client.select()[1] == [b"1" if driver == "maildir" else b"0"]
        assert {b"Sent", b"Trash"} <= {line.split()[-1] for line in client.list()[1]}
        client.logout()
        environment.doveadm("mailbox", "update", "-u", "ann@mail.test", "--uid-validity", "4000000000", "INBOX")


def test_everybody_special_folder_and_tokens(folder, introspection):
    environment = MailEnvironment(folder, everybody=PASSWORD, introspection=introspection)
    environment.folders["All Mail"] = r"\All"
    with environment:
        client = imaplib.IMAP4("127.0.0.1", environment.imap_port)
        client.login("stranger@mail.test", PASSWORD)
        assert any(rb"\All" in line for line in client.list()[1])
        client = imaplib.IMAP4("127.0.0.1", environment.imap_port)
        client.authenticate("XOAUTH2", lambda _challenge: b"user=ann@mail.test\1auth=Bearer good\1\1")
        with pytest.raises(imaplib.IMAP4.error):
            imaplib.IMAP4("127.0.0.1", environment.imap_port).authenticate(
                "XOAUTH2", lambda _challenge: b"user=ann@mail.test\1auth=Bearer bad\1\1"
            )


def test_tls(folder):
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o644)
    with MailEnvironment(folder / "mail", certificate=certificate, key=key) as environment:
        environment.add_user("ann@mail.test", "ann's")
        trusting = ssl._create_unverified_context()
        imaplib.IMAP4_SSL("127.0.0.1", environment.imaps_port, ssl_context=trusting).login("ann@mail.test", "ann's")
        client = imaplib.IMAP4("127.0.0.1", environment.imap_port)
        client.starttls(trusting)
        client.login("ann@mail.test", "ann's")


@pytest.mark.parametrize(("version", "first"), [("2.3.19.1 (9b53102964)", "\n"), ("2.4.1-4 (7d8c)", "dovecot_config")])
def test_each_version_gets_its_own_language(version, first):
    users = dict.fromkeys(("login_user", "internal_user", "group", "uid", "gid"), "1000")
    dovecot = Dovecot(version, Path("/x"), "maildir", users, 1, 2, {}, everybody="x", introspection="http://x")
    assert dovecot.files()["dovecot.conf"].startswith(first)
    assert ("disable_plaintext_auth" in dovecot.files()["dovecot.conf"]) is (first == "\n")
