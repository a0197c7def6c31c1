"""Handing one mail to one SMTP server in one transaction, and knowing afterwards how far it came."""

import base64
import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass

from ..exceptions import AddressRefused, HostUnresolved, MailboxError, NetworkFailure
from .imap_session import verified_context

TIMEOUT = 30  # seconds for each answer before DATA
DATA_TIMEOUT = 120  # seconds for the answer after the final dot (RFC 5321 4.5.3.2.6 allows 600)


class SubmissionFailed(Exception):
    """stage: one of smtp_retry.STAGES; code: the server's three digits or None; refused: recipients it refused."""

    def __init__(self, stage: str, code: int | None, text: str, refused: tuple[str, ...] = ()):
        super().__init__(text)
        self.stage, self.code, self.text, self.refused = stage, code, text[:500], refused

    @property
    def concerns_all(self) -> bool:
        """Whether no mail of this mailbox would have come further: there was no session yet."""
        return self.stage in ("connect", "tls", "login")

    @property
    def ends_worker(self) -> bool:
        """Whether the session is of no use for the next mail."""
        return self.concerns_all or self.code in (None, 421)


@dataclass(frozen=True)
class Accepted:
    """The server's words after 250; skipped: optional recipients it did not want; refused: (recipient, its words) of
    those who do not get a divisible mail.
    """

    text: str
    skipped: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


class _PinnedSMTP(smtplib.SMTP):
    """Connects to the address that the host policy checked, and verifies the certificate of the name."""

    _pinned_address = None

    def _get_socket(self, host, port, timeout):
        return socket.create_connection((self._pinned_address or host, port), timeout)


class _PinnedSMTPS(smtplib.SMTP_SSL, _PinnedSMTP):
    def _get_socket(self, host, port, timeout):
        raw = _PinnedSMTP._get_socket(self, host, port, timeout)
        return self.context.wrap_socket(raw, server_hostname=host)


def connect(
    host: str,
    port: int,
    security: str,
    *,
    address: str | None = None,
    context: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT,
):
    """Return a connected smtplib session that has said EHLO; security: "ssl", "starttls" or "none".

    address: the checked address to connect to, `host` keeps naming the certificate. Raises SubmissionFailed.
    """
    if security != "none":
        context = context or verified_context()
    session = _PinnedSMTPS(timeout=timeout, context=context) if security == "ssl" else _PinnedSMTP(timeout=timeout)
    session._pinned_address = address
    session._host = host  # what starttls() verifies
    try:
        with _failing_at("connect"):
            code, text = session.connect(host, port)
            if code != 220:
                raise SubmissionFailed("connect", code, _words(text))
        if security == "starttls":
            with _failing_at("tls"):
                session.starttls(context=context)
        with _failing_at("connect"):
            session.ehlo_or_helo_if_needed()
    except SubmissionFailed:
        session.close()
        raise
    return session


def submit(
    session,
    sender: str,
    recipients,
    raw: bytes,
    *,
    optional=(),
    divisible=False,
    before_end=None,
    data_timeout: float = DATA_TIMEOUT,
) -> Accepted:
    """Send raw to all recipients in one transaction; unless divisible, none gets it when one of them is refused.

    divisible: those who are refused for good do not keep the mail from the others; who is refused for now does, since
    the mail is then tried again for all of them.
    optional: further recipients that may be refused without harm (the Bcc to the mailbox itself).
    before_end: called when everything left but the final dot, without which no server may deliver (RFC 5321 4.1.1.4);
    after it, a failure without a clear answer may mean that the mail was delivered. What it raises ends the session:
    the mail does not leave. Raises SubmissionFailed.
    """
    with _failing_at("mail"):
        _expect(session, "mail", *session.mail(sender, ["BODY=8BITMIME"] if session.has_extn("8bitmime") else []))
    with _failing_at("rcpt"):
        refused = _name_recipients(session, recipients, divisible)
        skipped = tuple(recipient for recipient in optional if not _is_wanted(session, recipient))
    _send_body(session, raw, data_timeout)
    try:
        if before_end:
            before_end()
    except BaseException:
        session.close()
        raise
    with _failing_at("sent"):
        session.send(b".\r\n")
        text = _expect(session, "sent", *session.getreply())
    return Accepted(text, skipped, refused)


def _name_recipients(session, recipients, divisible):
    """Return (recipient, the server's words) of those it refuses for good while it takes others."""
    refused = {}
    for recipient in recipients:
        code, text = session.rcpt(recipient)
        if divisible and 500 <= code < 600:
            refused[recipient] = (code, text)
        else:
            _expect(session, "rcpt", code, text, refused=(recipient,))
    if refused and len(refused) == len(set(recipients)):
        _expect(session, "rcpt", *next(iter(refused.values())), refused=tuple(refused))
    return tuple((recipient, f"{code} {_words(text)}") for recipient, (code, text) in refused.items())


def _is_wanted(session, recipient):
    code, text = session.rcpt(recipient)
    if code == 421:
        raise SubmissionFailed("rcpt", code, _words(text))
    return code in (250, 251)


def _send_body(session, raw, data_timeout):
    with _failing_at("data"):
        _expect(session, "data", *session.docmd("DATA"), wanted=(354,))
        session.sock.settimeout(data_timeout)
        session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the dot must not wait 40 ms for an ACK
        lines = smtplib._fix_eols(raw.decode("latin-1")).encode("latin-1")
        session.send(smtplib._quote_periods(lines if lines.endswith(b"\r\n") else lines + b"\r\n"))


def quit_quietly(session) -> None:
    """Say goodbye; what the server answers changes nothing."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        session.quit()
    session.close()


def _expect(session, stage, code, text, wanted=(250, 251), refused=()):
    if code in wanted:
        return f"{code} {_words(text)}"
    if stage != "sent":
        with contextlib.suppress(OSError, smtplib.SMTPException):
            session.rset()
    raise SubmissionFailed(stage, code, _words(text), refused)


def _words(text) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)


@contextlib.contextmanager
def _failing_at(stage: str):
    """Name the stage of network errors, and keep the code of what smtplib raises."""
    try:
        yield
    except SubmissionFailed:
        raise
    except smtplib.SMTPResponseException as err:
        code = err.smtp_code if isinstance(err.smtp_code, int) and err.smtp_code >= 200 else None
        raise SubmissionFailed(stage, code, _words(err.smtp_error)) from err
    except ssl.SSLError as err:
        raise SubmissionFailed(
            "tls" if stage == "connect" else stage, None, getattr(err, "verify_message", "") or str(err)
        ) from err
    except smtplib.SMTPNotSupportedError as err:
        raise SubmissionFailed("tls" if stage == "tls" else stage, None, str(err)) from err
    except (OSError, smtplib.SMTPException) as err:
        raise SubmissionFailed(stage, None, str(err) or type(err).__name__) from err


def login(session, user: str, method: str, secret: str) -> None:
    """Log a session in; method: "password" or "oauth" (XOAUTH2). Raises what smtplib raises."""
    if method == "oauth":
        token = base64.b64encode(f"user={user}\1auth=Bearer {secret}\1\1".encode()).decode()
        code, text = session.docmd("AUTH", f"XOAUTH2 {token}")
        if code == 334:  # the error's detail; an empty line asks for the final answer
            code, text = session.docmd("")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)
        return
    try:
        _log_in_by_password(session, user, secret)
    finally:
        session.user = session.password = None  # smtplib would keep them


def _log_in_by_password(session, user, secret):
    """By smtplib, which knows ASCII alone; what else a password holds goes as UTF-8 (RFC 4616)."""
    mechanisms = session.esmtp_features.get("auth", "").upper().split()
    if (user + secret).isascii():
        session.login(user, secret)
        return
    if "PLAIN" in mechanisms:
        code, text = session.docmd("AUTH", f"PLAIN {_encoded(f'{chr(0)}{user}{chr(0)}{secret}')}")
    elif "LOGIN" in mechanisms:
        code, text = session.docmd("AUTH", f"LOGIN {_encoded(user)}")
        code, text = session.docmd(_encoded(secret)) if code == 334 else (code, text)
    else:
        raise smtplib.SMTPNotSupportedError("The server has no way to take this password.")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, text)


def _encoded(text):
    return base64.b64encode(text.encode()).decode()


@contextlib.contextmanager
def connect_stage():
    """Turn the refusal of an address into SubmissionFailed at stage "connect"."""
    try:
        yield
    except AddressRefused as err:
        code = None if isinstance(err, HostUnresolved) else 550
        raise SubmissionFailed("connect", code, str(err)) from err


@contextlib.contextmanager
def login_stage():
    """Turn what goes wrong during a login into SubmissionFailed at stage "login"; 535 when only a person can help."""
    try:
        with _failing_at("login"):
            yield
    except SubmissionFailed as err:
        if err.code is None and isinstance(err.__cause__, smtplib.SMTPNotSupportedError):
            raise SubmissionFailed("login", 535, str(err)) from err
        raise
    except NetworkFailure as err:
        raise SubmissionFailed("login", None, str(err)) from err
    except MailboxError as err:
        raise SubmissionFailed("login", 535, str(err)) from err
