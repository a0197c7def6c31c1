"""Message-IDs: read the ones of others tolerantly, mint and verify our own (RFC 5322 §3.6.4)."""

import hashlib
import hmac
import re
import secrets

_BRACKETED = re.compile(r"<([^<>]+)>")
_OWN = re.compile(r"<lk\.([0-9a-z]+)\.([0-9a-z]+)\.([0-9a-f]{24})@([^<>@\s]+)>")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAX_LENGTH = 400  # characters of one identifier
MAX_REFERENCES = 64  # a longer chain is an attack or a loop; its ends are what threads use


def parse_ids(*headers: str | None) -> tuple[str, ...]:
    """Return the Message-IDs of header values, case folded, in order, without repetition.

    Case is folded because gateways change it and it gives nothing away: a guessed identifier is
    refused by its MAC or its author, not by its case.
    """
    found = [message_id for header in headers for message_id in written_ids((header or "").casefold())]
    unique = tuple(dict.fromkeys(_bounded(message_id) for message_id in found))
    if len(unique) > MAX_REFERENCES:
        return unique[:8] + unique[8 - MAX_REFERENCES :]
    return unique


def written_ids(text: str) -> list[str]:
    """Return the identifiers in a header value as they are written, bare ones in brackets.

    One that was folded in its middle is whole again.

    >>> written_ids("<a@b.fr>,<cut- off@b.fr> (comment)")
    ['<a@b.fr>', '<cut-off@b.fr>']
    """
    found = [(inside, "".join(inside.split())) for inside in _BRACKETED.findall(text)]
    found = [f"<{bare}>" for inside, bare in found if bare and (bare == inside or "@" in bare)]
    return found or [f"<{word}>" for word in re.split(r"[\s,;<>]+", text) if "@" in word]


def _bounded(message_id):
    """Identify a hostile, endless identifier by its digest: an index takes no such key."""
    if len(message_id) <= _MAX_LENGTH:
        return message_id
    return f"<{hashlib.sha256(message_id.encode(errors='replace')).hexdigest()}@long>"


def mint_message_id(key: bytes, conversation_id: int, domain: str) -> str:
    """Return a fresh Message-ID that names its conversation and that only ``key`` can make."""
    token, nonce = _base36(conversation_id), secrets.token_hex(6)
    return f"<lk.{token}.{nonce}.{_mac(key, token, nonce, domain.lower())}@{domain.lower()}>"


def verify_message_id(key: bytes, message_id: str) -> int | None:
    """Return the conversation id that a Message-ID of ours names; None when it is not ours."""
    match = _OWN.fullmatch(message_id.casefold())
    if not match:
        return None
    token, nonce, mac, domain = match.groups()
    genuine = hmac.compare_digest(mac, _mac(key, token, nonce, domain))
    return int(token, 36) if genuine else None


def _mac(key: bytes, token: str, nonce: str, domain: str) -> str:
    return hmac.new(key, f"{token}.{nonce}@{domain}".encode(), "sha256").hexdigest()[:24]


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"
