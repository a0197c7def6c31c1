"""What receivers make of an SPF record (RFC 7208), evaluated by pyspf with our own name servers."""

import re
from dataclasses import dataclass

import spf

from .finding import finding

MAX_LOOKUPS = spf.MAX_LOOKUP  # 4.6.4: include, a, mx, ptr, exists, redirect
RECORD = re.compile(r"v=spf1( |$)", re.IGNORECASE)


@dataclass
class SpfResult:
    """pass, fail, softfail, neutral, none or permerror; what it cost and what is wrong (a finding)."""

    result: str
    record: str = ""
    lookups: int = 0
    void_lookups: int = 0
    wrong: dict | None = None


class _Query(spf.query):
    """pyspf, asking a `DnsLookup`; what the name servers do not answer is raised as it is."""

    def __init__(self, lookup, **values):
        super().__init__(**values)
        self._lookup = lookup

    def expand(self, s, stripdot=True):
        if re.search(r"%\{[a-z]0+[^0-9]", s, re.IGNORECASE):  # 7.1: the number of labels is not zero
            raise spf.PermError("Invalid macro", s)
        return super().expand(s, stripdot)

    def dns(self, name, qtype, cnames=None, ignore_void=False):
        name = str(name).rstrip(".").lower()
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []  # a name that cannot exist
        return self._count(self._ask(name, qtype), ignore_void)

    def dns_ptr(self, i):
        return self._count(self._lookup.ptr(str(self.ipaddr)), False)

    def _ask(self, name, qtype):
        if qtype == "TXT":
            return [(text.encode("utf-8", "surrogateescape"),) for text in self._lookup.txt(name)]
        if qtype == "MX":
            return self._lookup.mx(name)
        return self._lookup.addresses(name, qtype) if qtype in ("A", "AAAA") else []

    def _count(self, answer, ignore_void):
        if not answer and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return answer


def check_spf(lookup, domain, address, sender=None, helo=None):
    """Return the SpfResult for mail from `domain` sent by `address`.

    :param sender: envelope sender, where its local part matters: postmaster otherwise (2.4)
    """
    query = _Query(lookup, i=str(address), s=sender or f"postmaster@{domain}", h=helo or domain)
    result = query.check()[0]
    records = [text for text in lookup.txt(domain) if RECORD.match(text)] if result != "none" else []
    wrong = _explain(query.perm_error, records, domain) if result == "permerror" else None
    return SpfResult(result, records[0] if records else "", query.lookups, query.void_lookups, wrong)


# What pyspf says -> finding about the term it says it of
_MEANINGS = [
    ("Too many DNS|More than .* DNS", lambda _term: finding("spf_many_lookups", most=MAX_LOOKUPS)),
    ("Void lookup", lambda _term: finding("spf_many_voids", most=spf.MAX_VOID_LOOKUPS)),
    ("MX records", lambda _term: finding("spf_many_hosts", most=spf.MAX_MX)),
    ("[Nn]o (valid )?SPF record", lambda term: finding("spf_target_missing", term=term)),
    ("at most once", lambda term: finding("spf_modifier_twice", term=term)),
    ("[Ee]mpty|missing domain", lambda term: finding("spf_no_argument", term=term)),
    ("Invalid IP4 address", lambda term: finding("spf_not_a_network", term=term, version=4)),
    ("Invalid IP6 address", lambda term: finding("spf_not_a_network", term=term, version=6)),
    ("CIDR", lambda term: finding("spf_prefix_length", term=term)),
    ("[Mm]acro", lambda term: finding("spf_macro", term=term)),
    ("FQDN", lambda term: finding("spf_not_a_name", term=term)),
]


def _explain(error, records, domain):
    """The finding about a PermError of pyspf; its own words where there is no text of ours."""
    said, term = str(error.msg), str(error.mech or "")
    if len(records) > 1:
        return finding("spf_several", domain=domain, count=len(records))
    meaning = next((meaning for words, meaning in _MEANINGS if re.search(words, said)), None)
    return meaning(term) if meaning else finding("spf_unknown_term", term=term or said)
