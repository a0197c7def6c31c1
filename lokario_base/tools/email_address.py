"""Whether a text is an e-mail address, and how mail servers write it."""

import re

import idna

MAX_LENGTH = 254  # RFC 5321 §4.5.3.1.3
LOCAL = r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}"  # RFC 5322 §3.2.3, and dots where some providers have them
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
EMAIL = re.compile(rf"{LOCAL}@(?:{LABEL}\.)+{LABEL}", re.ASCII | re.IGNORECASE)
SHORTEST_TLD = 2


def plain_address(text) -> str:
    """Return the one e-mail address that the text is, its domain in letters of ASCII (RFC 5891); "" when it is none.

    >>> plain_address("tim.o'neil+shop@x-y.example"), plain_address("zoe@société.fr"), plain_address("zoe@gmail..com")
    ("tim.o'neil+shop@x-y.example", 'zoe@xn--socit-esab.fr', '')
    """
    text = text.strip() if isinstance(text, str) else ""
    local, _at, domain = text.rpartition("@")
    address = f"{local}@{_in_ascii(domain)}" if len(text) <= MAX_LENGTH else ""
    return address if _is_address(address) else ""


def needs_smtputf8(text) -> bool:
    """Whether the text is an address that few mail servers take: with other letters before the @ (RFC 6531).

    >>> needs_smtputf8("zoé@x.fr"), needs_smtputf8("zoe@société.fr"), needs_smtputf8("zoé")
    (True, False, False)
    """
    local, _at, domain = text.strip().rpartition("@") if isinstance(text, str) else ("", "", "")
    return bool(not local.isascii() and re.fullmatch(r"[^\s@]+", local) and plain_address(f"x@{domain}"))


def spellings(address: str) -> set[str]:
    """Return the ways in which an address may be written: with its domain in ASCII, and as people read it.

    >>> sorted(spellings("zoe@xn--socit-esab.fr")), spellings("zoe@x.fr")
    (['zoe@société.fr', 'zoe@xn--socit-esab.fr'], {'zoe@x.fr'})
    """
    local, _at, domain = address.rpartition("@")
    try:
        return {plain_address(address) or address, f"{local}@{idna.decode(domain)}", address}
    except idna.IDNAError:
        return {address}


def _in_ascii(domain: str) -> str:
    try:
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return ""


def _is_address(text: str) -> bool:
    return (
        len(text) <= MAX_LENGTH
        and text.isascii()
        and text.isprintable()
        and bool(EMAIL.fullmatch(text))
        and len(text.rpartition(".")[2]) >= SHORTEST_TLD
    )
