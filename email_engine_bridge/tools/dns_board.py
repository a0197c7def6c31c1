"""The DNS board: eight records that decide whether mail is believed, each with a verdict.

A check answers three questions: is it right, what was found, what is to be published. Verdicts:
ok, warning (mail passes, but not as it should), error (mail suffers), unknown (no answer).
"""

import re
from dataclasses import dataclass

from ..exceptions import EngineError
from . import dkim_keys, dns_records, mta_sts
from .dns_lookup import DnsUnavailable
from .finding import finding
from .spf import check_spf

REQUIRED = ("spf", "dkim", "dmarc", "ptr")  # what must be right before an IP may send
TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^;]*)")


@dataclass(frozen=True)
class Check:
    """One line of the board: what is in DNS, what that means (a finding), and what to publish.

    `publish` is (name, type, value), or None when nothing is to be done.
    """

    kind: str
    verdict: str
    found: str
    finding: dict
    publish: tuple | None = None


def tags(text):
    """Return the tag=value pairs of a DKIM, DMARC, TLS-RPT, MTA-STS or BIMI record, or None."""
    pairs = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        match = TAG.fullmatch(part)
        if not match:
            return None
        pairs.setdefault(match[1].lower(), match[2].strip())
    return pairs


def repeated_tag(text):
    """The first tag that stands twice (RFC 6376, 3.2: such a list is invalid), or ""."""
    names = [match[1].lower() for match in map(TAG.fullmatch, text.split(";")) if match]
    return next((name for name in names if names.count(name) > 1), "")


def guarded(kind):
    """Turn a name server that does not answer into the verdict "unknown"."""

    def wrap(check):
        def run(lookup, *arguments):
            try:
                return check(lookup, *arguments)
            except DnsUnavailable as error:
                return Check(kind, "unknown", "", error.finding)

        return run

    return wrap


DMARC = re.compile(r"v\s*=\s*DMARC1\s*(;|$)")
# RFC 7489, 6.3; t and psd: RFC 9989
DMARC_VALUES = {
    "adkim": re.compile("[rs]", re.I),
    "aspf": re.compile("[rs]", re.I),
    "pct": re.compile("100|[0-9]{1,2}"),
    "fo": re.compile(r"[01ds](\s*:\s*[01ds])*", re.I),
    "ri": re.compile("[0-9]+"),
    "rf": re.compile(r"afrf(\s*:\s*\w+)*", re.I),
    "t": re.compile("[yn]", re.I),
    "psd": re.compile("[ynu]", re.I),
}
STRANGERS = ("203.0.113.254", "2001:db8:ffff::fe")  # for documentation (RFC 5737, RFC 3849): no mail comes from there
PTR = re.compile(r" [+?~-]?ptr(?:[ :/]|$)", re.I)
REFUSED = "127.255.255."  # Spamhaus' answer to an open resolver, or to too many questions
REPORT_ADDRESS = re.compile(r"mailto:[^\s@]+@[^\s@!]+\.[^\s@!]+(![0-9]+[kmgt]?)?|https://\S+", re.I)


@guarded("spf")
def check_domain_spf(lookup, domain, addresses):
    """SPF must pass for every address, within ten lookups."""
    wanted = (domain, "TXT", dns_records.spf_record(addresses))
    results = [check_spf(lookup, domain, address) for address in addresses] or [check_spf(lookup, domain, "192.0.2.1")]
    worst = next((result for result in results if result.result != "pass"), results[0])
    found = worst.record
    if worst.result == "none":
        return Check("spf", "error", "", finding("spf_missing"), wanted)
    if worst.result == "permerror":
        return Check("spf", "error", found, finding("spf_broken", why=worst.wrong), wanted)
    if addresses and worst.result != "pass":
        return Check("spf", "error", found, finding("spf_not_passed", result=worst.result), wanted)
    if any(check_spf(lookup, domain, stranger).result == "pass" for stranger in STRANGERS):  # +all, ::/0, an include
        return Check("spf", "error", found, finding("spf_allows_all"), wanted)
    if PTR.search(found):
        return Check("spf", "warning", found, finding("spf_uses_ptr"), wanted)
    return Check("spf", "ok", found, finding("spf_passes", lookups=worst.lookups))


@guarded("dkim")
def check_domain_dkim(lookup, domain, selector, record):
    """The published key must be the one that signs."""
    name = f"{selector}._domainkey.{domain}"
    wanted = (name, "TXT", record)
    records = lookup.txt(name)
    if not records:
        return Check("dkim", "error", "", finding("dkim_missing", name=name), wanted)
    if len(records) > 1:
        return Check(
            "dkim", "error", " | ".join(records), finding("dkim_several", name=name, count=len(records)), wanted
        )
    found, expected = tags(records[0]), tags(record)
    if found is None or "p" not in found or found.get("v", "DKIM1") != "DKIM1" or "v" in [*found][1:]:
        return Check("dkim", "error", records[0], finding("dkim_no_key"), wanted)
    if repeated := repeated_tag(records[0]):
        return Check("dkim", "error", records[0], finding("tag_twice", tag=repeated), wanted)
    if not found["p"]:
        return Check("dkim", "error", records[0], finding("dkim_revoked"), wanted)
    if re.sub(r"\s+", "", found["p"]) != expected["p"] or found.get("k", "rsa") != expected.get("k", "rsa"):
        return Check("dkim", "error", records[0], finding("dkim_other_key"), wanted)
    if "sha256" not in _listed(found.get("h", "sha256")):
        return Check("dkim", "error", records[0], finding("dkim_other_hash", hashes=found["h"]), wanted)
    if not {"*", "email"} & _listed(found.get("s", "*")):
        return Check("dkim", "error", records[0], finding("dkim_other_service", service=found["s"]), wanted)
    if "y" in _listed(found.get("t", "")):
        return Check("dkim", "warning", records[0], finding("dkim_test"), wanted)
    return Check("dkim", "ok", records[0], finding("dkim_right"))


def _listed(text):
    """The words of a colon-separated tag (RFC 6376 §3.6.1)."""
    return {word.strip().lower() for word in text.split(":")}


def find_dmarc(lookup, domain):
    """Return (name, records) of DMARC that apply: the domain's, else its organisation's (RFC 9989, 4.10).

    That is the one with the fewest labels, unless a record says where the registry (`psd=y`) or it (`psd=n`) is.
    """
    labels, found = domain.split("."), ("", [])
    for start in range(max(1, len(labels) - 1)):
        name = "_dmarc." + ".".join(labels[start:])
        records = [text for text in lookup.txt(name) if DMARC.match(text)]
        registry = (tags(records[0]) or {}).get("psd", "u").lower() if records else ""
        if records and not (found[1] and registry == "y"):
            found = name, records
        if records and (not start or registry == "n"):
            break
    return found


def _applied_policy(domain, name, policy):
    """What is asked for the domain's own mail: `sp` where the record is a parent's."""
    return policy.get("p", "") if name == f"_dmarc.{domain}" else policy.get("sp") or policy.get("p", "")


@guarded("dmarc")
def check_domain_dmarc(lookup, domain, signing_domain, report_to=""):
    """A policy must exist, and the domain that signs must be aligned with it."""
    wanted = (f"_dmarc.{domain}", "TXT", dns_records.dmarc_record(report_to))
    name, records = find_dmarc(lookup, domain)
    if not records:
        return Check("dmarc", "error", "", finding("dmarc_missing"), wanted)
    if len(records) > 1:
        return Check(
            "dmarc", "error", " | ".join(records), finding("dmarc_several", name=name, count=len(records)), wanted
        )
    policy = tags(records[0])
    policies = {policy[name].lower() for name in ("p", "sp", "np") if name in policy} if policy else {""}
    if not policies <= {"none", "quarantine", "reject"} or next(iter(policy)) != "v":
        return Check("dmarc", "error", records[0], finding("dmarc_unreadable"), wanted)
    if repeated := repeated_tag(records[0]):
        return Check("dmarc", "error", records[0], finding("tag_twice", tag=repeated), wanted)
    if wrong := next(
        (one for one in policy if one in DMARC_VALUES and not DMARC_VALUES[one].fullmatch(policy[one])), ""
    ):
        return Check("dmarc", "error", records[0], finding("dmarc_wrong_value", tag=wrong, value=policy[wrong]), wanted)
    if "p" not in policy:
        return Check("dmarc", "error", records[0], finding("dmarc_no_policy"), wanted)
    if not _aligned(domain, signing_domain, policy.get("adkim", "r").lower(), name):
        return Check("dmarc", "error", records[0], finding("dmarc_not_aligned", domain=signing_domain), wanted)
    reports = [part.strip() for name in ("rua", "ruf") for part in policy.get(name, "").split(",") if part.strip()]
    if wrong := next((part for part in reports if not REPORT_ADDRESS.fullmatch(part)), None):
        return Check("dmarc", "warning", records[0], finding("dmarc_no_report_address", address=wrong), wanted)
    if refused := next((part for part in reports if not _may_report(lookup, name, part)), None):
        return Check("dmarc", "warning", records[0], finding("dmarc_reports_refused", address=refused), wanted)
    return Check(
        "dmarc", "ok", records[0], finding("dmarc_right", name=name, policy=_applied_policy(domain, name, policy))
    )


def _may_report(lookup, record_name, address):
    """Whether the other domain to which reports go says that it wants them (RFC 7489, 7.1)."""
    owner = record_name.removeprefix("_dmarc.")
    target = re.sub(r"![0-9]+[kmgt]?$", "", address.partition("@")[2], flags=re.I).lower()
    if not target or target == owner or target.endswith(f".{owner}") or owner.endswith(f".{target}"):
        return True
    return any(DMARC.match(text) for text in lookup.txt(f"{owner}._report._dmarc.{target}"))


def _aligned(domain, signing_domain, mode, record_name):
    if domain == signing_domain:
        return True
    organisation = record_name.removeprefix("_dmarc.")
    inside = all(name == organisation or name.endswith(f".{organisation}") for name in (domain, signing_domain))
    return mode != "s" and inside


@guarded("ptr")
def check_reverse(lookup, address, hostname):
    """PTR of the address → HELO name → the address again (FCrDNS)."""
    wanted = (dns_records.reverse_name(address), "PTR", f"{hostname}.")
    names = lookup.ptr(address)
    found = ", ".join(names)
    if not names:
        return Check("ptr", "error", "", finding("ptr_missing", address=address), wanted)
    if hostname.lower() not in names:
        return Check("ptr", "error", found, finding("ptr_other_name", address=address, hostname=hostname), wanted)
    if address not in lookup.addresses(hostname):
        kind = "AAAA" if ":" in address else "A"
        return Check(
            "ptr",
            "error",
            found,
            finding("ptr_no_way_back", address=address, hostname=hostname),
            (hostname, kind, address),
        )
    return Check("ptr", "ok", found, finding("ptr_right", address=address, hostname=hostname))


@guarded("blocklist")
def check_blocklists(lookup, address, lists):
    """No blocklist that receivers ask may name the address (RFC 5782); one that gives no true answer says so."""
    for zone in lists:
        codes = _ask_blocklist(lookup, address, zone)
        found = ", ".join(f"{zone}: {code}" for code in codes)
        if _ask_blocklist(lookup, "127.0.0.1", zone):  # must never be listed (RFC 5782, 5): this list names everybody
            return Check("blocklist", "unknown", found, finding("blocklist_dead", list=zone))
        if any(code.startswith(REFUSED) or not code.startswith("127.") for code in codes):
            return Check("blocklist", "unknown", found, finding("blocklist_refuses", list=zone))
        if codes:
            why = " ".join(lookup.txt(_blocklist_name(address, zone))) or codes[0]
            return Check("blocklist", "error", found, finding("blocklist_names", address=address, list=zone, why=why))
    return Check("blocklist", "ok", "", finding("blocklist_none", address=address, lists=len(lists)))


def _ask_blocklist(lookup, address, zone):
    return lookup.addresses(_blocklist_name(address, zone), "A")


def _blocklist_name(address, zone):
    return f"{dns_records.reverse_name(address).rsplit('.', 2)[0]}.{zone}"


@guarded("mx")
def check_mx(lookup, domain):
    """Bounces and answers need somewhere to go."""
    hosts = lookup.mx(domain)
    found = ", ".join(f"{preference} {host or '.'}" for preference, host in hosts)
    wanted = (domain, "MX", f"10 {domain}.")
    if not hosts:
        return Check("mx", "warning", "", finding("mx_missing"), wanted)
    if [host for _preference, host in hosts] == [""]:
        return Check("mx", "warning", found, finding("mx_null"), wanted)
    dead = [host for _preference, host in hosts if not lookup.addresses(host)]
    if dead:
        return Check("mx", "error", found, finding("mx_dead", host=dead[0]), (dead[0], "A", "…"))
    return Check("mx", "ok", found, finding("mx_right"))


@guarded("mta_sts")
def check_mta_sts(lookup, domain, fetcher=None):
    """The record announces a policy; with a `fetcher` the policy itself is read, too."""
    name = f"_mta-sts.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=STSv1")]
    wanted = (name, "TXT", "v=STSv1; id=1")
    if not records:
        return Check("mta_sts", "warning", "", finding("mta_sts_missing"), wanted)
    announced = tags(records[0])
    if len(records) > 1 or announced is None or not re.fullmatch(r"[A-Za-z0-9]{1,32}", announced.get("id", "")):
        return Check("mta_sts", "error", " | ".join(records), finding("mta_sts_wrong"), wanted)
    verdict, meaning = _judge_policy(lookup, domain, fetcher) if fetcher else ("ok", finding("mta_sts_announced"))
    return Check("mta_sts", verdict, records[0], meaning)


def _judge_policy(lookup, domain, fetcher):
    """Return (verdict, finding) of the policy file that `mta-sts.<domain>` serves."""
    host = f"mta-sts.{domain}"
    try:
        policy = mta_sts.parse_policy(fetcher.fetch(host, lookup.addresses(host)))
    except EngineError as error:
        return "error", finding("mta_sts_unreachable", host=host, error=str(error))
    if policy is None:
        return "error", finding("mta_sts_unreadable", host=host)
    if policy["mode"] == "none":
        return "warning", finding("mta_sts_off")
    outside = [mx for _preference, mx in lookup.mx(domain) if not mta_sts.covers(policy, mx)]
    if outside:
        return "error", finding("mta_sts_not_covered", host=outside[0])
    return "ok", finding("mta_sts_right", mode=policy["mode"])


@guarded("tls_rpt")
def check_tls_rpt(lookup, domain, report_to=""):
    name = f"_smtp._tls.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=TLSRPTv1")]
    wanted = (name, "TXT", f"v=TLSRPTv1; rua=mailto:{report_to or 'postmaster@' + domain}")
    if not records:
        return Check("tls_rpt", "warning", "", finding("tls_rpt_missing"), wanted)
    policy = tags(records[0])
    if len(records) > 1 or policy is None or not re.match(r"(mailto:.+@|https://)", policy.get("rua", "")):
        return Check(
            "tls_rpt",
            "error",
            " | ".join(records),
            finding("tls_rpt_wrong"),
            wanted,
        )
    return Check("tls_rpt", "ok", records[0], finding("tls_rpt_right"))


@guarded("bimi")
def check_bimi(lookup, domain):
    name = f"default._bimi.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=BIMI1")]
    wanted = (name, "TXT", f"v=BIMI1; l=https://{domain}/logo.svg; a=")
    if not records:
        return Check("bimi", "warning", "", finding("bimi_missing"), wanted)
    policy = tags(records[0])
    if len(records) > 1 or policy is None or not re.match(r"(https://\S+\.svg)?$", policy.get("l", "?"), re.I):
        return Check("bimi", "error", records[0], finding("bimi_wrong"), wanted)
    dmarc_name, dmarc = find_dmarc(lookup, domain)
    asked = (tags(dmarc[0]) or {}) if dmarc else {}
    is_strict = _applied_policy(domain, dmarc_name, asked).lower() in ("quarantine", "reject")
    if not is_strict or asked.get("pct", "100") != "100" or asked.get("t", "n").lower() == "y":
        return Check("bimi", "warning", records[0], finding("bimi_needs_dmarc"), None)
    return Check("bimi", "ok", records[0], finding("bimi_right"))


def check_domain(lookup, domain, addresses, key, report_to="", fetcher=None):
    """Return the checks of a domain; `key` is (selector, record) of the key that signs, or None."""
    return [
        check_domain_spf(lookup, domain, addresses),
        check_domain_dkim(lookup, domain, *key) if key else Check("dkim", "error", "", finding("dkim_none_signs")),
        check_domain_dmarc(lookup, domain, domain, report_to),
        check_mx(lookup, domain),
        check_mta_sts(lookup, domain, fetcher),
        check_tls_rpt(lookup, domain, report_to),
        check_bimi(lookup, domain),
    ]


def publish_text(publish):
    """Return what to copy into the zone: one line in BIND's notation."""
    name, kind, value = publish
    return f"{name}. IN {kind} {dkim_keys.quote_txt(value) if kind == 'TXT' else value}"
