"""What a sending domain and an IP must publish, as zone records."""

from ipaddress import ip_address

from .dkim_keys import zone_lines


def spf_record(addresses):
    """Return an SPF record that allows exactly these addresses (RFC 7208)."""
    mechanisms = [f"ip{ip_address(address).version}:{address}" for address in sorted(addresses)]
    return " ".join(["v=spf1", *mechanisms, "-all"])


def dmarc_record(report_to=""):
    """Return a DMARC record that starts by watching (RFC 7489, 6.3)."""
    return "v=DMARC1; p=none" + (f"; rua=mailto:{report_to}" if report_to else "")


def domain_records(domain, addresses, dkim, report_to=""):
    """Return (name, type, value) of all a domain publishes.

    `dkim` are (selector, record) pairs; the host itself gets its address, SPF, DMARC and TLS-RPT.
    """
    records = [(domain, "A" if ip_address(address).version == 4 else "AAAA", address) for address in addresses]
    records.append((domain, "MX", f"10 {domain}."))
    records.append((domain, "TXT", spf_record(addresses) if addresses else "v=spf1 -all"))
    records += [(f"{selector}._domainkey.{domain}", "TXT", record) for selector, record in dkim]
    records.append((f"_dmarc.{domain}", "TXT", dmarc_record(report_to)))
    if report_to:
        records.append((f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua=mailto:{report_to}"))
    return records


def zone_export(domain, records):
    """Return a text that can be included in the domain's BIND zone."""
    return "\n".join([f"; records of {domain} for the mail engine", *zone_lines(records)]) + "\n"


def reverse_name(address):
    """Return the name under which the PTR record of an address stands."""
    return ip_address(address).reverse_pointer
