"""Crafted zones: what a domain publishes, and what every judge should say about it.

Each case is (name, records relative to its zone, SPF result, DMARC ok, DKIM ok) for mail from 192.0.2.10.
`{key}` stands for the right DKIM record, `{other}` for that of another key.
"""

A = "@ A 192.0.2.10"
OK_DMARC = "_dmarc TXT v=DMARC1; p=none"
OK_DKIM = "s1._domainkey TXT {key}"
MANY = [f"i{n} TXT v=spf1 ip4:198.51.100.{n} -all" for n in range(1, 12)]


def spf(*records):
    return [*records, OK_DMARC, OK_DKIM]


CASES = [
    ("plain", spf("@ TXT v=spf1 ip4:192.0.2.10 -all"), "pass", True, True),
    ("network", spf("@ TXT v=spf1 ip4:192.0.2.0/24 -all"), "pass", True, True),
    ("other-ip", spf("@ TXT v=spf1 ip4:192.0.2.11 -all"), "fail", True, True),
    ("softfail", spf("@ TXT v=spf1 ip4:192.0.2.11 ~all"), "softfail", True, True),
    ("neutral", spf("@ TXT v=spf1 ip4:192.0.2.11 ?all"), "neutral", True, True),
    ("no-all", spf("@ TXT v=spf1 ip4:192.0.2.11"), "neutral", True, True),
    ("no-spf", spf("@ TXT hello"), "none", True, True),
    ("two-spf", spf("@ TXT v=spf1 ip4:192.0.2.10 -all", "@ TXT v=spf1 -all"), "permerror", True, True),
    ("a", spf(A, "@ TXT v=spf1 a -all"), "pass", True, True),
    ("a-cidr", spf("@ A 192.0.2.99", "@ TXT v=spf1 a/24 -all"), "pass", True, True),
    ("a-other", spf("h A 192.0.2.10", "@ TXT v=spf1 a:h.{zone} -all"), "pass", True, True),
    ("mx", spf("@ MX 10 m.{zone}.", "m A 192.0.2.10", "@ TXT v=spf1 mx -all"), "pass", True, True),
    ("mx-other", spf("@ MX 10 m.{zone}.", "m A 192.0.2.77", "@ TXT v=spf1 mx -all"), "fail", True, True),
    ("include", spf("@ TXT v=spf1 include:i.{zone} -all", "i TXT v=spf1 ip4:192.0.2.10 -all"), "pass", True, True),
    ("include-fail", spf("@ TXT v=spf1 include:i.{zone} -all", "i TXT v=spf1 -all"), "fail", True, True),
    ("include-none", spf("@ TXT v=spf1 include:nothing.{zone} -all"), "permerror", True, True),
    ("redirect", spf("@ TXT v=spf1 redirect=r.{zone}", "r TXT v=spf1 ip4:192.0.2.10 -all"), "pass", True, True),
    ("redirect-none", spf("@ TXT v=spf1 redirect=nothing.{zone}"), "permerror", True, True),
    (
        "ten-lookups",
        spf(
            "@ TXT v=spf1 " + " ".join(f"include:i{n}.{{zone}}" for n in range(1, 10)) + " include:z.{zone} -all",
            *MANY,
            "z TXT v=spf1 ip4:192.0.2.10 -all",
        ),
        "pass",
        True,
        True,
    ),
    (
        "eleven-lookups",
        spf("@ TXT v=spf1 " + " ".join(f"include:i{n}.{{zone}}" for n in range(1, 12)) + " -all", *MANY),
        "permerror",
        True,
        True,
    ),
    ("void-2", spf("@ TXT v=spf1 a:x1.{zone} a:x2.{zone} ip4:192.0.2.10 -all"), "pass", True, True),
    ("void-3", spf("@ TXT v=spf1 a:x1.{zone} a:x2.{zone} a:x3.{zone} ip4:192.0.2.10 -all"), "permerror", True, True),
    ("typo", spf("@ TXT v=spf1 ipv4:192.0.2.10 -all"), "permerror", True, True),
    ("bad-ip", spf("@ TXT v=spf1 ip4:192.0.2.300 -all"), "permerror", True, True),
    (
        "long-split",
        spf("@ TXT v=spf1 " + " ".join(f"ip4:198.51.100.{n}" for n in range(20)) + " ip4:192.0.2.10 -all"),
        "pass",
        True,
        True,
    ),
    ("exists", spf("e A 127.0.0.2", "@ TXT v=spf1 exists:e.{zone} -all"), "pass", True, True),
    ("uppercase", spf("@ TXT V=SPF1 IP4:192.0.2.10 -ALL"), "pass", True, True),
    ("no-dmarc", ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DKIM], "pass", False, True),
    (
        "two-dmarc",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "_dmarc TXT v=DMARC1; p=reject", OK_DKIM],
        "pass",
        False,
        True,
    ),
    (
        "dmarc-reject",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", "_dmarc TXT v=DMARC1; p=reject; adkim=s", OK_DKIM],
        "pass",
        True,
        True,
    ),
    ("dmarc-bad-p", ["@ TXT v=spf1 ip4:192.0.2.10 -all", "_dmarc TXT v=DMARC1; p=maybe", OK_DKIM], "pass", False, True),
    (
        "dmarc-no-p",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", "_dmarc TXT v=DMARC1; rua=mailto:a@{zone}", OK_DKIM],
        "pass",
        False,
        True,
    ),
    (
        "dmarc-other-text",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", "_dmarc TXT DMARC1 p=none", OK_DKIM],
        "pass",
        False,
        True,
    ),
    ("no-dkim", ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC], "pass", True, False),
    ("other-dkim", ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "s1._domainkey TXT {other}"], "pass", True, False),
    (
        "revoked-dkim",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "s1._domainkey TXT v=DKIM1; k=rsa; p="],
        "pass",
        True,
        False,
    ),
    (
        "garbage-dkim",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "s1._domainkey TXT this is no key"],
        "pass",
        True,
        False,
    ),
    (
        "dkim-v2",
        ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "s1._domainkey TXT v=DKIM2; k=rsa; p=AAAA"],
        "pass",
        True,
        False,
    ),
    ("dkim-without-v", ["@ TXT v=spf1 ip4:192.0.2.10 -all", OK_DMARC, "s1._domainkey TXT {bare}"], "pass", True, True),
    ("all-allowed", spf("@ TXT v=spf1 +all"), "pass", True, True),
    (
        "macro-exists",
        spf("@ TXT v=spf1 exists:%{i}._spf.{zone} -all", "192.0.2.10._spf A 127.0.0.2"),
        "pass",
        True,
        True,
    ),
    (
        "macro-reversed",
        spf("@ TXT v=spf1 exists:%{ir}.%{v}._spf.%{d} -all", "10.2.0.192.in-addr._spf A 127.0.0.2"),
        "pass",
        True,
        True,
    ),
    (
        "macro-redirect",
        spf("@ TXT v=spf1 redirect=%{d1r}.r.{zone}", "macro-redirect.r TXT v=spf1 ip4:192.0.2.10 -all"),
        "pass",
        True,
        True,
    ),
    (
        "macro-split",
        spf("@ TXT v=spf1 a:%{d1r-}.h.{zone} -all", "macro.h A 192.0.2.99", "split.example.h A 192.0.2.10"),
        "fail",
        True,
        True,
    ),
    (
        "macro-include",
        spf("@ TXT v=spf1 include:%{o1}.i.{zone} -all", "example.i TXT v=spf1 a:%{d3}.{zone} -all"),
        "fail",
        True,
        True,
    ),
    ("macro-unknown", spf("@ TXT v=spf1 exists:%{x}.{zone} -all"), "permerror", True, True),
    ("macro-open", spf("@ TXT v=spf1 exists:%i.{zone} -all"), "permerror", True, True),
    ("macro-zero", spf("@ TXT v=spf1 exists:%{d0}.{zone} -all"), "permerror", True, True),
]
