"""What the receiving server says about the author of a mail (RFC 8601, RFC 7489)."""

import re
from email.parser import HeaderParser

_METHOD = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*(\w+)([^;]*)", re.IGNORECASE)
_PROPERTY = re.compile(r"(header\.(?:d|i|from)|smtp\.mailfrom)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
# Receiving services whose authserv-id is not under the domain of their IMAP host.
KNOWN_AUTHSERV = {
    "imap.gmail.com": ("mx.google.com",),
    "imap.googlemail.com": ("mx.google.com",),
    "outlook.office365.com": ("protection.outlook.com", "outlook.com"),
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
    for result in map(str, HeaderParser().parsestr(headers).get_all("Authentication-Results", [])):
        verdicts = {name.lower(): value.lower() for name, value, _rest in _METHOD.findall(result)}
        if verdicts.get("dmarc") == "fail":
            return "fail"
        if "dmarc" not in verdicts and verdicts.get("spf") == "fail" and (verdicts.get("dkim") != "pass"):
            return "fail"
        passed = passed or (_is_trusted(result, trusted) and _aligned_pass(result, domain))
    return "pass" if passed else "none"


def _is_trusted(result: str, trusted: tuple[str, ...]) -> bool:
    server = result.strip().split(";", 1)[0].split()[0].lower() if result.strip() else ""
    return any(server == name or server.endswith("." + name) for name in trusted)


def _aligned_pass(result: str, domain: str) -> bool:
    for _method, value, rest in _METHOD.findall(result):
        if value.lower() != "pass":
            continue
        claimed = [found.rpartition("@")[2].lower() for _name, found in _PROPERTY.findall(rest)]
        if any(_aligned(name, domain) for name in claimed):
            return True
    return False


def _aligned(claimed: str, domain: str) -> bool:
    return bool(claimed) and (claimed == domain or domain.endswith("." + claimed))
