"""The DNS board: eight records that decide whether mail is believed, each with a verdict.

A check answers three questions: is it right, what was found, what is to be published. Verdicts:
ok, warning (mail passes, but not as it should), error (mail suffers), unknown (no answer).
"""

import re
from dataclasses import dataclass

from . import dkim_keys, dns_records
from .dns_lookup import DnsUnavailable
from .spf import check_spf

REQUIRED = ("spf", "dkim", "dmarc", "ptr")  # what an IP must prove before it may send
TAG = re.compile(r"\s*([A-Za-z]+)\s*=\s*([^;]*)")


@dataclass(frozen=True)
class Check:
    """One line of the board; `publish` is (name, type, value) or None when nothing is to be done."""

    kind: str
    verdict: str
    found: str
    message: str
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


def guarded(kind):
    """Turn a name server that does not answer into the verdict "unknown"."""

    def wrap(check):
        def run(lookup, *arguments):
            try:
                return check(lookup, *arguments)
            except DnsUnavailable as error:
                return Check(kind, "unknown", "", str(error))

        return run

    return wrap


@guarded("spf")
def check_domain_spf(lookup, domain, addresses):
    """SPF must pass for every address, within ten lookups."""
    wanted = (domain, "TXT", dns_records.spf_record(addresses))
    results = [check_spf(lookup, domain, address) for address in addresses] or [check_spf(lookup, domain, "192.0.2.1")]
    worst = next((result for result in results if result.result != "pass"), results[0])
    found = worst.record
    if worst.result == "none":
        return Check("spf", "error", "", "There is no SPF record.", wanted)
    if worst.result == "permerror":
        return Check("spf", "error", found, f"SPF is broken: {worst.explanation}.", wanted)
    if addresses and worst.result != "pass":
        return Check("spf", "error", found, f"SPF says {worst.result} for an address that sends.", wanted)
    if re.search(r"(^|\s)\+?all\b", found):
        return Check("spf", "error", found, "SPF allows the whole internet (+all).", wanted)
    if re.search(r"\bptr\b", found):
        return Check("spf", "warning", found, "SPF uses ptr, which RFC 7208 advises against.", wanted)
    return Check("spf", "ok", found, f"SPF passes with {worst.lookups} of 10 lookups.")


@guarded("dkim")
def check_domain_dkim(lookup, domain, selector, record):
    """The published key must be the one that signs."""
    name = f"{selector}._domainkey.{domain}"
    wanted = (name, "TXT", record)
    records = lookup.txt(name)
    if not records:
        return Check("dkim", "error", "", f"No key is published at {name}.", wanted)
    if len(records) > 1:
        return Check(
            "dkim", "error", " | ".join(records), f"{name} has {len(records)} records, one is allowed.", wanted
        )
    found, expected = tags(records[0]), tags(record)
    if found is None or "p" not in found or found.get("v", "DKIM1") != "DKIM1":
        return Check("dkim", "error", records[0], "This is no DKIM key.", wanted)
    if not found["p"]:
        return Check("dkim", "error", records[0], "The key is revoked (p= is empty).", wanted)
    if re.sub(r"\s+", "", found["p"]) != expected["p"] or found.get("k", "rsa") != expected.get("k", "rsa"):
        return Check("dkim", "error", records[0], "Another key is published than the one that signs.", wanted)
    if "y" in found.get("t", "").split(":"):
        return Check("dkim", "warning", records[0], "The key is marked as a test (t=y).", wanted)
    return Check("dkim", "ok", records[0], "The published key is the one that signs.")


def find_dmarc(lookup, domain):
    """Return (name, record) of the DMARC record that applies: the domain's or a parent's."""
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        name = "_dmarc." + ".".join(labels[start:])
        records = [text for text in lookup.txt(name) if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text)]
        if records:
            return name, records
    return "", []


@guarded("dmarc")
def check_domain_dmarc(lookup, domain, signing_domain, report_to=""):
    """A policy must exist, and the domain that signs must be aligned with it."""
    wanted = (f"_dmarc.{domain}", "TXT", dns_records.dmarc_record(report_to))
    name, records = find_dmarc(lookup, domain)
    if not records:
        return Check("dmarc", "error", "", "There is no DMARC record.", wanted)
    if len(records) > 1:
        return Check(
            "dmarc", "error", " | ".join(records), f"{name} has {len(records)} DMARC records: none counts.", wanted
        )
    policy = tags(records[0])
    if policy is None or policy.get("p", "none").lower() not in ("none", "quarantine", "reject"):
        return Check("dmarc", "error", records[0], "The DMARC policy cannot be read.", wanted)
    if "p" not in policy:
        return Check("dmarc", "error", records[0], "The DMARC record has no policy (p=).", wanted)
    if not _aligned(domain, signing_domain, policy.get("adkim", "r").lower(), name):
        return Check("dmarc", "error", records[0], f"Signatures of {signing_domain} are not aligned.", wanted)
    return Check("dmarc", "ok", records[0], f"DMARC applies from {name} with p={policy['p']}.")


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
        return Check("ptr", "error", "", f"{address} has no name (PTR); ask the IP's provider.", wanted)
    if hostname.lower() not in names:
        return Check("ptr", "error", found, f"The name of {address} is not the HELO name {hostname}.", wanted)
    if address not in lookup.addresses(hostname):
        kind = "AAAA" if ":" in address else "A"
        return Check("ptr", "error", found, f"{hostname} does not lead back to {address}.", (hostname, kind, address))
    return Check("ptr", "ok", found, f"{address} and {hostname} name each other.")


@guarded("mx")
def check_mx(lookup, domain):
    """Bounces and answers need somewhere to go."""
    hosts = lookup.mx(domain)
    found = ", ".join(f"{preference} {host or '.'}" for preference, host in hosts)
    wanted = (domain, "MX", f"10 {domain}.")
    if not hosts:
        return Check("mx", "warning", "", "There is no MX: answers to this domain are lost.", wanted)
    if [host for _preference, host in hosts] == [""]:
        return Check("mx", "warning", found, "This domain takes no mail at all (null MX).", wanted)
    dead = [host for _preference, host in hosts if not lookup.addresses(host)]
    if dead:
        return Check("mx", "error", found, f"{dead[0]} has no address.", (dead[0], "A", "…"))
    return Check("mx", "ok", found, "Mail to this domain has somewhere to go.")


@guarded("mta_sts")
def check_mta_sts(lookup, domain):
    name = f"_mta-sts.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=STSv1")]
    wanted = (name, "TXT", "v=STSv1; id=1")
    if not records:
        return Check("mta_sts", "warning", "", "No MTA-STS: mail to this domain may travel unencrypted.", wanted)
    policy = tags(records[0])
    if len(records) > 1 or policy is None or not re.fullmatch(r"[A-Za-z0-9]{1,32}", policy.get("id", "")):
        return Check("mta_sts", "error", " | ".join(records), "MTA-STS: one record with an id is expected.", wanted)
    return Check("mta_sts", "ok", records[0], "MTA-STS is announced; its policy file is not fetched here.")


@guarded("tls_rpt")
def check_tls_rpt(lookup, domain, report_to=""):
    name = f"_smtp._tls.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=TLSRPTv1")]
    wanted = (name, "TXT", f"v=TLSRPTv1; rua=mailto:{report_to or 'postmaster@' + domain}")
    if not records:
        return Check("tls_rpt", "warning", "", "No TLS reports are asked for.", wanted)
    policy = tags(records[0])
    if len(records) > 1 or policy is None or not re.match(r"(mailto:.+@|https://)", policy.get("rua", "")):
        return Check(
            "tls_rpt",
            "error",
            " | ".join(records),
            "TLS-RPT: one record with rua=mailto: or https:// is expected.",
            wanted,
        )
    return Check("tls_rpt", "ok", records[0], "TLS reports are asked for.")


@guarded("bimi")
def check_bimi(lookup, domain):
    name = f"default._bimi.{domain}"
    records = [text for text in lookup.txt(name) if text.startswith("v=BIMI1")]
    wanted = (name, "TXT", f"v=BIMI1; l=https://{domain}/logo.svg; a=")
    if not records:
        return Check("bimi", "warning", "", "No logo (BIMI) is published.", wanted)
    policy = tags(records[0])
    if len(records) > 1 or policy is None or not re.match(r"(https://\S+\.svg)?$", policy.get("l", "?"), re.I):
        return Check("bimi", "error", records[0], "BIMI: l= must be the https address of an SVG.", wanted)
    dmarc = find_dmarc(lookup, domain)[1]
    strict = dmarc and (tags(dmarc[0]) or {}).get("p", "").lower() in ("quarantine", "reject")
    if not strict:
        return Check("bimi", "warning", records[0], "BIMI needs a DMARC policy of quarantine or reject.", None)
    return Check("bimi", "ok", records[0], "A logo is published.")


def check_domain(lookup, domain, addresses, key, report_to=""):
    """Return the checks of a domain; `key` is (selector, record) of the key that signs, or None."""
    checks = [check_domain_spf(lookup, domain, addresses)]
    if key:
        checks.append(check_domain_dkim(lookup, domain, *key))
    else:
        checks.append(Check("dkim", "error", "", "No DKIM key signs for this domain.", None))
    checks.append(check_domain_dmarc(lookup, domain, domain, report_to))
    checks += [check_mx(lookup, domain), check_mta_sts(lookup, domain)]
    checks += [check_tls_rpt(lookup, domain, report_to), check_bimi(lookup, domain)]
    return checks


def publish_text(publish):
    """Return what to copy into the zone: one line in BIND's notation."""
    name, kind, value = publish
    return f"{name}. IN {kind} {dkim_keys.quote_txt(value) if kind == 'TXT' else value}"
