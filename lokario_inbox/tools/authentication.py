"""What the receiving server says about the author of a mail (RFC 8601, RFC 7489)."""

import re
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from .mail_addresses import restored, without_comments

_RESULT = re.compile(r"\s*([a-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)(?![\w.=-])(.*)", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\b(header\.(?:d|i|from)|smtp\.mailfrom)\s*=\s*(\S+)", re.IGNORECASE)
# what a method has judged, the first that is named: the domain of a signature, not whom it speaks for
_JUDGED = {"dmarc": ("header.from",), "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom",)}
MICROSOFT = "protection.outlook.com"  # writes its results without naming itself
# Receiving services whose authserv-id is not under the domain of their IMAP host.
KNOWN_AUTHSERV = {
    "imap.gmail.com": ("mx.google.com",),
    "imap.googlemail.com": ("mx.google.com",),
    "outlook.office365.com": (MICROSOFT, "outlook.com"),
}


def trusted_authserv(imap_host: str | None) -> tuple[str, ...]:
    """Return the domains whose Authentication-Results may be believed for a mailbox.

    RFC 8601 §5: a border server removes forged headers that carry its own identifier, so only
    the identifier of the mailbox's own service says anything.
    """
    host = (imap_host or "").lower().rstrip(".")
    own = "" if re.fullmatch(r"[\d.]*|.*:.*", host) else _registered(host)
    return KNOWN_AUTHSERV.get(host, ()) + ((own,) if own else ())


@lru_cache(maxsize=1)
def _suffixes():
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def _registered(domain: str) -> str:
    """Return what somebody registered of a domain, "" for what nobody can: ``client.co.uk``, not ``co.uk``."""
    return _suffixes().privatesuffix(domain) or ""


def authentication_verdict(headers: str | None, sender: str, trusted: tuple[str, ...]) -> str:
    """Return "pass", "fail" or "none" for the author address of a mail.

    "pass" needs a trusted server and a domain aligned with the author; "fail" is believed from
    anybody, since only the author of the mail is hurt by it, unless the trusted server says otherwise: a
    list or a gateway on the way may have judged what it changed.
    """
    if not headers or "authentication-results" not in headers.lower():
        return "none"
    domain, passed, failed = sender.rpartition("@")[2], False, False
    for index, field in enumerate(map(str, HeaderParser().parsestr(headers).get_all("Authentication-Results", []))):
        server, results = parse_results(field)
        _server, others = parse_results(field, has_strings=True)
        is_own = MICROSOFT in trusted and index == 0 if not server else _is_trusted(server, trusted)
        if _fails(results) or _fails(others):
            if is_own:
                return "fail"
            failed = True
        both = (results, others)  # a sender may have written a part of it: what passes does however it is read
        passed = passed or (is_own and all(any(_passes(found, domain) for found in reading) for reading in both))
    return "pass" if passed else "fail" if failed else "none"


def _fails(results):
    verdicts = {(result.method, result.value) for result in results}
    has_dmarc = any(result.method == "dmarc" for result in results)
    is_spoilt = not has_dmarc and ("spf", "fail") in verdicts and ("dkim", "pass") not in verdicts
    return ("dmarc", "fail") in verdicts or is_spoilt


@dataclass(frozen=True)
class Result:
    """One ``method=value`` of a field; ``domain``: the one it was found for."""

    method: str
    value: str
    domain: str


def parse_results(field: str, *, has_strings=False) -> tuple[str, list[Result]]:
    """Return (the server's identifier, "" when there is none; its results) of RFC 8601's grammar.

    What stands in comments says nothing; what stands in quoted strings is a value, whatever it looks like.
    ``has_strings``: in comments, too.
    """
    text, strings = without_comments(field, has_strings=has_strings)
    first, *others = text.split(";")
    server = "" if "=" in first else restored((first.split() or [""])[0], strings).lower()
    results = []
    for part in others if server else [first, *others]:
        if found := _RESULT.match(part):
            values = {name.lower(): restored(value, strings) for name, value in _PROPERTY.findall(found[3])}
            judged = next((values[name] for name in _JUDGED.get(found[1].lower(), ()) if name in values), "")
            results.append(Result(found[1].lower(), found[2].lower(), judged.rpartition("@")[2].lower().rstrip(".>")))
    return server, results


def _is_trusted(server: str, trusted: tuple[str, ...]) -> bool:
    return any(server == name or server.endswith("." + name) for name in trusted)


def _passes(result: Result, domain: str) -> bool:
    is_method = result.method in ("dmarc", "dkim", "spf") and result.value == "pass"
    return is_method and _aligned(result.domain, domain)


def _aligned(claimed: str, domain: str) -> bool:
    return bool(claimed) and (claimed == domain or (domain.endswith("." + claimed) and bool(_registered(claimed))))
