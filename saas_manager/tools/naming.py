"""The one rule that decides which names a client may have.

A database name is always ``<prefix><subdomain>``: because of the prefix no client can name the
manager, a template or ``postgres``.
"""

import re
import unicodedata

from ..exceptions import InvalidName

MIN_LENGTH = 3
MAX_LENGTH = 40
MAX_DATABASE_BYTES = 63  # PostgreSQL NAMEDATALEN - 1; longer names are cut in silence

SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
DATABASE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?:{LABEL}\.)*{LABEL}")
LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
# which Unicode does not decompose

# Names that a visitor would take for ours, or that carry a meaning on the Internet:
# RFC 2142 mailbox names, host names of mail and web services, and what this product serves.
RESERVED_WORDS = (
    "about abuse account accounts admin administrator api app apps assets autoconfig autodiscover backup billing "
    " blog cdn client console contact cpanel dashboard database default demo dev dns docs download email engine "
    " example finance ftp gate git hello help hostmaster imap inbox info internal intranet invoice local "
    " localhost login lokario mail mailer manager marketing master media monitor mx news noc noreply ns ns1 ns2 "
    " odoo owner partner pay payment pop pop3 portal postgres postmaster preprod prod production proxy public "
    " root saas sales security shop signup smtp sql ssh ssl staging static status store support system template "
    " template0 template1 test testing tls usenet uucp vpn web webmail webmaster wpad www"
)
RESERVED = frozenset(RESERVED_WORDS.split())


def check_subdomain(name):
    """Raise :class:`InvalidName` unless ``name`` may be the subdomain of an instance."""
    if not name or len(name) < MIN_LENGTH:
        raise InvalidName("short", name)
    if len(name) > MAX_LENGTH:
        raise InvalidName("long", name)
    if not SUBDOMAIN.fullmatch(name):
        raise InvalidName("characters", name)
    if name[2:4] == "--":  # RFC 5891 4.2.3.1: "xn--" and its relatives are not ours to give
        raise InvalidName("punycode", name)
    if name.isdigit():
        raise InvalidName("digits", name)
    if name in RESERVED:
        raise InvalidName("reserved", name)


def database_name(prefix, subdomain):
    """The database of ``subdomain``, with the length that PostgreSQL allows, in bytes."""
    name = f"{prefix}{subdomain}"
    if len(name.encode()) > MAX_DATABASE_BYTES:
        raise InvalidName("bytes", name)
    if not DATABASE.fullmatch(name):
        raise InvalidName("characters", name)
    return name


def template_database_name(prefix, code, version):
    """The sealed database of one version of a template: never within a client's reach.

    The underscore is no subdomain character, so no ``<prefix><subdomain>`` can equal it.
    """
    return database_name(f"{prefix}tpl_", f"{code}_v{version}")


def slug(text, fallback="company"):
    """A subdomain to propose for a client called ``text``; what may be none by itself follows ``fallback``."""
    name = re.sub(r"[^a-z0-9]+", "-", _ascii(text)).strip("-")[:MAX_LENGTH].strip("-")
    try:
        check_subdomain(name)
    except InvalidName:
        return f"{fallback}-{name}"[:MAX_LENGTH].strip("-")
    return name


def _ascii(text):
    plain = (text or "").lower().translate(LETTERS)
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
