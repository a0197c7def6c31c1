"""A mail provider on loopback: real Dovecot for IMAP, an SMTP server that delivers into Dovecot's mailboxes.

Everything lives in one folder and ends with the ``with`` block. Users are added at any time.
"""

import getpass
import grp
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.odoo_process import free_port
from lokario_cli.setup.apt import find_command

from .dovecot import SPECIAL_FOLDERS, Dovecot

MAILBOX_UID = 65534 if os.getuid() == 0 else os.getuid()


@dataclass
class MailEnvironment:
    """``driver`` is maildir (one file a mail) or sdbox (fast). ``certificate`` and ``key`` switch TLS on.

    ``everybody`` is a password that any user logs in with: Dovecot looks at a changed list of users once a second
    only. ``introspection`` is the URL that judges XOAUTH2 tokens (RFC 7662).
    """

    folder: Path
    driver: str = "maildir"
    certificate: Path | None = None
    key: Path | None = None
    everybody: str = ""
    introspection: str = ""
    folders: dict[str, str] = field(default_factory=SPECIAL_FOLDERS.copy)
    imap_port: int = field(default_factory=free_port)
    imaps_port: int = field(default_factory=free_port)
    _process: subprocess.Popen | None = field(default=None, init=False)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        dovecot = find_command("dovecot")
        if not dovecot:
            raise Failure("Dovecot is missing: install Debian's dovecot-imapd, or run ./lokario test as root.")
        for name in ("run", "var", "mail"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        os.chown(self.folder / "mail", MAILBOX_UID, -1)
        (self.folder / "users").touch()
        for name, text in self._configuration(dovecot).files().items():
            (self.folder / name).write_text(text)
        command = [dovecot, "-F", "-c", str(self.folder / "dovecot.conf")]
        self._process = subprocess.Popen(command, start_new_session=True)
        self._await_port()
        return self

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def add_user(self, address: str, password: str) -> None:
        with (self.folder / "users").open("a") as users:
            users.write(f"{address}:{{PLAIN}}{password}::::::\n")

    def doveadm(self, *arguments: str) -> str:
        """Run Dovecot's administration command, such as ``mailbox update -u user --uid-validity 7 INBOX``."""
        command = [find_command("doveadm"), "-c", str(self.folder / "dovecot.conf"), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"doveadm {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def deliver(self, address: str, raw: bytes, folder: str = "INBOX") -> None:
        """Put a message into a Maildir while Dovecot reads it: complete and readable, or not there."""
        root = self.folder / "mail" / address / "Maildir"
        box = root if folder == "INBOX" else root / f".{folder.replace('/', '.')}"
        for part in ("tmp", "new", "cur"):
            self._make_folder(box / part)
        name = f"{time.time_ns()}.{uuid.uuid4().hex}"  # a test's clock may stand still
        (box / "tmp" / name).write_bytes(raw)
        os.chown(box / "tmp" / name, MAILBOX_UID, -1)
        (box / "tmp" / name).rename(box / "new" / name)

    def _make_folder(self, path):
        """A folder that is Dovecot's from its first moment on; whoever else makes it meanwhile is right, too."""
        if path.is_dir():
            return
        self._make_folder(path.parent)
        fresh = Path(tempfile.mkdtemp(dir=self.folder))
        os.chown(fresh, MAILBOX_UID, -1)
        try:
            fresh.rename(path)
        except OSError:
            fresh.rmdir()

    def _configuration(self, dovecot: str) -> Dovecot:
        as_root = os.getuid() == 0
        user = getpass.getuser()
        return Dovecot(
            version=subprocess.run([dovecot, "--version"], capture_output=True, text=True, check=True).stdout,
            folder=self.folder,
            driver=self.driver,
            users={
                "login_user": "dovenull" if as_root else user,
                "internal_user": "dovecot" if as_root else user,
                "group": "dovecot" if as_root else grp.getgrgid(os.getgid()).gr_name,
                "uid": str(MAILBOX_UID),
                "gid": str(pwd.getpwuid(MAILBOX_UID).pw_gid),
            },
            imap_port=self.imap_port,
            imaps_port=self.imaps_port,
            folders=self.folders,
            certificate=self.certificate,
            key=self.key,
            everybody=self.everybody,
            introspection=self.introspection,
        )

    def _await_port(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.imap_port), timeout=5) as connection:
                    if connection.recv(64).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.02)
            if self._process.poll() is not None:
                break
        log = self.folder / "dovecot.log"
        raise Failure(f"Dovecot did not start: {log.read_text()[-800:] if log.exists() else 'see above'}")


class SmtpServer:
    """An SMTP server that asks for a login and hands accepted mail to ``environment`` or just keeps it in ``received``.

    ``received`` holds (envelope sender, recipients, raw bytes, login) in order of arrival; ``rejects``: recipients
    answered with the given line. With ``tls``, an ssl.SSLContext, it offers STARTTLS.
    """

    def __init__(
        self,
        environment: MailEnvironment | None = None,
        users: dict[str, str] | None = None,
        port: int | None = None,
        tls=None,
    ):
        self.environment, self.tls = environment, tls
        self.users = users or {}
        self.port = port or free_port()
        self.received: list[tuple[str, list[str], bytes, str | None]] = []
        self.rejects: dict[str, str] = {}
        self._controller = None

    def __enter__(self):
        from aiosmtpd.controller import Controller

        # Logins without TLS are meant here: everything stays on loopback.
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of its own attribute at each login
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self._authenticate,
            auth_required=bool(self.users),
            auth_require_tls=False,
            tls_context=self.tls,
            data_size_limit=100_000_000,
        )
        self._controller.start()
        return self

    def __exit__(self, *_exc):
        self._controller.stop()

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address in self.rejects:
            return self.rejects[address]
        if self.environment and not self._is_known(address):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        login = session.auth_data.login.decode() if session.auth_data else None
        self.received.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content, login))
        for address in envelope.rcpt_tos if self.environment else ():
            self.environment.deliver(address, envelope.content)
        return f"250 2.0.0 Queued as {len(self.received)}"

    def _is_known(self, address: str) -> bool:
        return f"{address}:" in (self.environment.folder / "users").read_text()

    def _authenticate(self, server, session, envelope, mechanism, auth_data):
        from aiosmtpd.smtp import AuthResult

        known = self.users.get(auth_data.login.decode()) == auth_data.password.decode()

        return AuthResult(success=True, auth_data=auth_data) if known else _refused()


def _refused():
    from aiosmtpd.smtp import AuthResult

    return AuthResult(success=False, handled=False, message="535 5.7.8 Authentication credentials invalid")
