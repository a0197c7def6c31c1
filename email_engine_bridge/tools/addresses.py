"""E-mail addresses: the form that identifies one, and whether mail can reach it."""

import re

import idna
from email_validator import EmailNotValidError, validate_email

# RFC 2142 names the role mailboxes.
ROLES = {
    "abuse", "admin", "administrateur", "billing", "compta", "comptabilite", "contact", "direction", "facturation",
    "help", "hostmaster", "info", "infos", "jobs", "mailer-daemon", "marketing", "news", "no-reply", "noc", "noreply",
    "office", "postmaster", "privacy", "rh", "root", "sales", "secretariat", "security", "service", "spam", "support",
    "usenet", "uucp", "webmaster", "www",
}  # fmt: skip
# Copied with an address from pages and joined files: soft hyphen, zero-width and direction marks, byte order mark.
INVISIBLE = dict.fromkeys(
    [0xAD, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)
_NAMED = re.compile(r"[^<>@]*<([^<>]+)>")
# What nearly every address looks like; the others are the validator's, which needs a hundred times as long.
_PLAIN = re.compile(
    r"(?=.{3,254}$)(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@"
    r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,63}"
)
_LABEL_TOO_LONG = re.compile(r"[^.@]{64}")


def normalise_address(text):
    """The form that identifies an address: visible, lower case, without name, mailto: or <>, with an ASCII domain."""
    address = str(text).translate(INVISIBLE).strip()
    if named := _NAMED.fullmatch(address):
        address = named[1]
    address = address.strip("<>").strip().lower().removeprefix("mailto:").strip()
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{_ascii_domain(domain)}"


def _ascii_domain(domain):
    """The A-labels of a domain (RFC 5890): what stands in an SMTP envelope; itself where it has none."""
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def inspect_address(address):
    """ "invalid", "role" or "" for a normalised address."""
    if not address.isascii() or not _is_valid(address):
        return "invalid"  # not ASCII: only a server with SMTPUTF8 takes it (RFC 6531)
    local = address.partition("@")[0].partition("+")[0]
    return "role" if local in ROLES else ""


def _is_valid(address):
    domain = address.rpartition("@")[2]
    if _PLAIN.fullmatch(address) and not _LABEL_TOO_LONG.search(domain):
        return True
    if not re.search(r"\.(?=[^.]*[a-z])[a-z0-9-]{2,63}$", domain):
        return False  # no dot, or a number at its end
    try:
        validate_email(address, allow_smtputf8=False, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return False
    return True
