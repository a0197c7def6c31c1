"""What the receiving server says about the author of a mail (RFC 8601, RFC 7489)."""

import re
from dataclasses import dataclass
from email.parser import HeaderParser

from .mail_addresses import restored, without_comments

_RESULT = re.compile(r"\s*([a-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)(?![\w.=-])(.*)", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\b(header\.(?:d|i|from)|smtp\.mailfrom)\s*=\s*(\S+)", re.IGNORECASE)
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
    own = ".".join(host.split(".")[-2:]) if host.count(".") else ""
    return KNOWN_AUTHSERV.get(host, ()) + ((own,) if own else ())


def authentication_verdict(headers: str | None, sender: str, trusted: tuple[str, ...]) -> str:
    """Return "pass", "fail" or "none" for the author address of a mail.

    "pass" needs a trusted server and a domain aligned with the author; "fail" is believed from
    anybody, since only the author of the mail is hurt by it.
    """
    if not headers or "authentication-results" not in headers.lower():
        return "none"
    domain, passed = sender.rpartition("@")[2], False
    for index, field in enumerate(map(str, HeaderParser().parsestr(headers).get_all("Authentication-Results", []))):
        server, results = parse_results(field)
        verdicts = {(result.method, result.value) for result in results}
        if ("dmarc", "fail") in verdicts:
            return "fail"
        has_dmarc = any(result.method == "dmarc" for result in results)
        if not has_dmarc and ("spf", "fail") in verdicts and ("dkim", "pass") not in verdicts:
            return "fail"
        is_own = MICROSOFT in trusted and index == 0 if not server else _is_trusted(server, trusted)
        passed = passed or (is_own and any(_passes(result, domain) for result in results))
    return "pass" if passed else "none"


@dataclass(frozen=True)
class Result:
    """One ``method=value`` of a field; ``domains``: those it was found for."""

    method: str
    value: str
    domains: tuple[str, ...]


def parse_results(field: str) -> tuple[str, list[Result]]:
    """Return (the server's identifier, "" when there is none; its results) of RFC 8601's grammar.

    What stands in comments says nothing; what stands in quoted strings is a value, whatever it looks like.
    """
    text, strings = without_comments(field)
    first, *others = text.split(";")
    server = "" if "=" in first else (first.split() or [""])[0].lower()
    results = []
    for part in others if server else [first, *others]:
        if found := _RESULT.match(part):
            values = (restored(value, strings) for _name, value in _PROPERTY.findall(found[3]))
            domains = tuple(value.rpartition("@")[2].lower().rstrip(".>") for value in values)
            results.append(Result(found[1].lower(), found[2].lower(), domains))
    return server, results


def _is_trusted(server: str, trusted: tuple[str, ...]) -> bool:
    return any(server == name or server.endswith("." + name) for name in trusted)


def _passes(result: Result, domain: str) -> bool:
    is_method = result.method in ("dmarc", "dkim", "spf") and result.value == "pass"
    return is_method and any(_aligned(name, domain) for name in result.domains)


def _aligned(claimed: str, domain: str) -> bool:
    return bool(claimed) and (claimed == domain or domain.endswith("." + claimed))
