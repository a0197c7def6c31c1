"""Mail providers recognised by the domain of the address, or by where its MX points.

Server names and ports are those of each provider's own help pages (IMAP/SMTP set-up).
"""

from dataclasses import dataclass

import dns.exception
import dns.resolver

MX_TIMEOUT = 3  # seconds


@dataclass(frozen=True)
class Provider:
    """``files_sent``: the provider itself files mail sent by SMTP in the Sent folder."""

    name: str
    imap_host: str
    smtp_host: str
    domains: tuple = ()
    mx: tuple = ()
    imap_port: int = 993
    smtp_port: int = 465
    smtp_security: str = "ssl"
    auth_method: str = "password"
    files_sent: bool = False
    needs_application_password: bool = False


PROVIDERS = (
    Provider(
        "Gmail",
        "imap.gmail.com",
        "smtp.gmail.com",
        ("gmail.com", "googlemail.com"),
        ("google.com", "googlemail.com"),
        auth_method="gmail",
        files_sent=True,
    ),
    Provider(
        "Microsoft 365 / Outlook",
        "outlook.office365.com",
        "smtp.office365.com",
        ("outlook.com", "outlook.fr", "hotmail.com", "hotmail.fr", "live.com", "live.fr", "msn.com"),
        ("protection.outlook.com", "olc.protection.outlook.com"),
        smtp_port=587,
        smtp_security="starttls",
        auth_method="outlook",
        files_sent=True,
    ),
    Provider("OVHcloud", "ssl0.ovh.net", "ssl0.ovh.net", (), ("ovh.net", "mail.ovh.net")),
    Provider(
        "OVHcloud Exchange",
        "ex.mail.ovh.net",
        "ex.mail.ovh.net",
        (),
        ("ex.mail.ovh.net",),
        smtp_port=587,
        smtp_security="starttls",
        files_sent=True,
    ),
    Provider(
        "IONOS",
        "imap.ionos.fr",
        "smtp.ionos.fr",
        ("online.de", "ionos.fr"),
        ("ionos.fr", "ionos.com", "ionos.de", "kundenserver.de", "1and1.fr", "1and1.com"),
    ),
    Provider("Orange", "imap.orange.fr", "smtp.orange.fr", ("orange.fr", "wanadoo.fr"), ("orange.fr",)),
    Provider("Free", "imap.free.fr", "smtp.free.fr", ("free.fr", "aliceadsl.fr"), ("free.fr",)),
    Provider(
        "SFR", "imap.sfr.fr", "smtp.sfr.fr", ("sfr.fr", "neuf.fr", "cegetel.net", "club-internet.fr"), ("sfr.fr",)
    ),
    Provider("Bouygues Telecom", "imap.bbox.fr", "smtp.bbox.fr", ("bbox.fr",), ("bbox.fr",)),
    Provider("La Poste", "imap.laposte.net", "smtp.laposte.net", ("laposte.net",), ("laposte.net",)),
    Provider(
        "Infomaniak",
        "mail.infomaniak.com",
        "mail.infomaniak.com",
        ("ik.me", "etik.com"),
        ("infomaniak.ch", "infomaniak.com"),
    ),
    Provider("Gandi", "mail.gandi.net", "mail.gandi.net", (), ("mail.gandi.net",)),
    Provider(
        "Yahoo",
        "imap.mail.yahoo.com",
        "smtp.mail.yahoo.com",
        ("yahoo.com", "yahoo.fr", "ymail.com", "rocketmail.com"),
        ("yahoodns.net",),
        files_sent=True,
        needs_application_password=True,
    ),
    Provider(
        "iCloud",
        "imap.mail.me.com",
        "smtp.mail.me.com",
        ("icloud.com", "me.com", "mac.com"),
        ("mail.icloud.com",),
        smtp_port=587,
        smtp_security="starttls",
        needs_application_password=True,
    ),
    Provider("GMX", "imap.gmx.com", "mail.gmx.com", ("gmx.com", "gmx.fr"), ("gmx.net",)),
    Provider(
        "Zoho", "imap.zoho.eu", "smtp.zoho.eu", ("zohomail.eu", "zoho.com"), ("zoho.eu", "zoho.com"), files_sent=True
    ),
    Provider(
        "Fastmail",
        "imap.fastmail.com",
        "smtp.fastmail.com",
        ("fastmail.com", "fastmail.fm"),
        ("messagingengine.com",),
        needs_application_password=True,
    ),
    Provider("Mailo", "mail.mailo.com", "mail.mailo.com", ("mailo.com", "netcourrier.com"), ("mailo.com",)),
)


def by_domain(address, providers=PROVIDERS):
    """The Provider of an address by its domain alone, or None."""
    domain = str(address).rpartition("@")[2].strip().lower()
    return next((provider for provider in providers if domain in provider.domains), None)


def by_mx(hosts, providers=PROVIDERS):
    """The Provider most specifically named by a list of MX host names, or None."""
    best, length = None, 0
    for host in (host.rstrip(".").lower() for host in hosts):
        for provider in providers:
            for suffix in provider.mx:
                if (host == suffix or host.endswith(f".{suffix}")) and len(suffix) > length:
                    best, length = provider, len(suffix)
    return best


def look_up_mx(domain):
    """MX host names of a domain, most preferred first; empty when there are none or DNS is slow."""
    resolver = dns.resolver.Resolver()
    resolver.lifetime = MX_TIMEOUT
    try:
        answers = resolver.resolve(domain, "MX")
    except (dns.exception.DNSException, OSError, UnicodeError):
        return []
    return [str(record.exchange) for record in sorted(answers, key=lambda record: record.preference)]
