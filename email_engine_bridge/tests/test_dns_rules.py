from odoo.tests import BaseCase, tagged

from ..tools import dkim_keys, dns_board
from ..tools.spf import check_spf


class Zone:
    """A name server in a dictionary: {name: TXT record}."""

    def __init__(self, records):
        self._records = records

    def txt(self, name):
        return [self._records[name]] if name in self._records else []

    def addresses(self, _name, *_kinds):
        return []

    mx = ptr = addresses


@tagged("post_install", "-at_install")
class TestDnsRules(BaseCase):
    """What receivers refuse is not green, with the same records for two domains."""

    def test_blocklists_that_name_an_address_and_those_that_say_nothing(self):
        listed = {"10.2.0.192.bl.test": ["127.0.0.2"], "10.2.0.192.open.test": ["127.255.255.254"]}
        listed |= {"10.2.0.192.all.test": ["127.0.0.2"], "1.0.0.127.all.test": ["127.0.0.2"]}
        listed |= {"10.2.0.192.sold.test": ["198.51.100.7"], f"{'0.' * 24}8.b.d.0.1.0.0.2.bl.test": ["127.0.0.3"]}

        class Lists(Zone):
            def addresses(self, name, *_kinds):
                return listed.get(name, [])

        zone = Lists({"10.2.0.192.bl.test": "https://bl.test/?192.0.2.10"})
        for address, lists, verdict, code in (
            ("192.0.2.10", ["clean.test", "bl.test"], "error", "blocklist_names"),
            ("192.0.2.11", ["clean.test", "bl.test"], "ok", "blocklist_none"),
            ("2001:db8::", ["bl.test"], "error", "blocklist_names"),
            ("192.0.2.10", ["open.test"], "unknown", "blocklist_refuses"),
            ("192.0.2.10", ["sold.test"], "unknown", "blocklist_refuses"),
            ("192.0.2.10", ["all.test"], "unknown", "blocklist_dead"),
        ):
            check = dns_board.check_blocklists(zone, address, lists)
            self.assertEqual((check.verdict, check.finding["code"]), (verdict, code), (address, lists))
        self.assertEqual(
            dns_board.check_blocklists(zone, "192.0.2.10", ["bl.test"]).finding["why"], "https://bl.test/?192.0.2.10"
        )

    def test_spf_terms_are_separated_by_spaces_and_say_something(self):
        for domain in ("a.test", "b.test"):
            for record in (
                "v=spf1 ip4:192.0.2.10\xa0-all",
                "v=spf1 ip4:192.0.2.10\t-all",
                "v=spf1 redirect=",
                "v=spf1 ip4:192.0.2.10 -äll",
                "v=spf1 a:192.0.2.10 -all",
                "v=spf1 a: -all",
                "v=spf1 exists:x.test/8 -all",
                "v=spf1 exp= -all",
                "v=spf1 exp=a.test exp=b.test -all",
                "v=spf1 redirect=%{x} ",
                "v=spf1 a:%{d0} -all",
                "v=spf1 ip4:192.0.2.10/33 -all",
                "v=spf1 all:x",
            ):
                self.assertEqual(check_spf(Zone({domain: record}), domain, "192.0.2.10").result, "permerror")
            self.assertEqual(
                check_spf(Zone({domain: "v=spf1  ip4:192.0.2.10  -all "}), domain, "192.0.2.10").result, "pass"
            )

    def test_spf_for_everybody_is_found_wherever_it_stands(self):
        for records in (
            {"a.test": "v=spf1 +ALL"},
            {"a.test": "v=spf1 include:b.test -all", "b.test": "v=spf1 ip4:0.0.0.0/0 -all"},
            {"a.test": "v=spf1 redirect=b.test", "b.test": "v=spf1 all"},
            {"a.test": "v=spf1 ip4:192.0.2.10 ip6:::/0 -all"},
        ):
            check = dns_board.check_domain_spf(Zone(records), "a.test", ["192.0.2.10"])
            self.assertEqual((check.verdict, check.finding["code"]), ("error", "spf_allows_all"))
        for term, verdict in (
            ("", "ok"),
            ("include:ptr.test ", "ok"),
            ("PTR ", "warning"),
            ("?ptr:b.test ", "warning"),
        ):
            records = {"a.test": f"v=spf1 ip4:192.0.2.10 {term}-all", "ptr.test": "v=spf1 ip4:192.0.2.11 -all"}
            check = dns_board.check_domain_spf(Zone(records), "a.test", ["192.0.2.10"])
            self.assertEqual(check.verdict, verdict, term)

    def test_dkim_keys_that_receivers_may_not_use(self):
        record = dkim_keys.generate("rsa").record
        for tag, verdict in (
            ("", "ok"),
            ("h=sha1:sha256; ", "ok"),
            ("s=*; ", "ok"),
            ("h=sha1; ", "error"),
            ("h=rsa-sha256; ", "error"),
            ("s=tlsrpt; ", "error"),
            ("h=sha256; h=sha1; ", "error"),
            ("t=s; ", "ok"),
            ("t=y:s; ", "warning"),
            ("x_1=later; ", "ok"),
        ):
            published = record.replace("k=rsa; ", f"{tag}k=rsa; ")
            zone = Zone({"s1._domainkey.a.test": published})
            self.assertEqual(dns_board.check_domain_dkim(zone, "a.test", "s1", record).verdict, verdict, published)

    def test_which_dmarc_policy_applies(self):
        """The domain's own record, else its organisation's, of which `sp` is about its subdomains."""
        bimi = {"default._bimi.m.b.a.test": "v=BIMI1; l=https://a.test/logo.svg"}
        for records, name, policy, bimi_code in (
            ({"_dmarc.a.test": "v=DMARC1; p=reject"}, "_dmarc.a.test", "reject", "bimi_right"),
            ({"_dmarc.a.test": "v=DMARC1; p=reject; sp=none"}, "_dmarc.a.test", "none", "bimi_needs_dmarc"),
            ({"_dmarc.a.test": "v=DMARC1; p=none; sp=quarantine"}, "_dmarc.a.test", "quarantine", "bimi_right"),
            (
                {"_dmarc.a.test": "v=DMARC1; p=reject", "_dmarc.b.a.test": "v=DMARC1; p=none"},
                "_dmarc.a.test",
                "reject",
                "bimi_right",
            ),
            (
                {"_dmarc.a.test": "v=DMARC1; p=reject; psd=y", "_dmarc.b.a.test": "v=DMARC1; p=none"},
                "_dmarc.b.a.test",
                "none",
                "bimi_needs_dmarc",
            ),
            (
                {"_dmarc.a.test": "v=DMARC1; p=reject", "_dmarc.b.a.test": "v=DMARC1; p=none; psd=n"},
                "_dmarc.b.a.test",
                "none",
                "bimi_needs_dmarc",
            ),
            ({"_dmarc.m.b.a.test": "v=DMARC1; p=reject; sp=none"}, "_dmarc.m.b.a.test", "reject", "bimi_right"),
            ({"_dmarc.a.test": "v=DMARC1; p=reject; pct=50"}, "_dmarc.a.test", "reject", "bimi_needs_dmarc"),
            ({"_dmarc.a.test": "v=DMARC1; p=reject; t=y"}, "_dmarc.a.test", "reject", "bimi_needs_dmarc"),
        ):
            zone = Zone({**records, **bimi})
            found = dns_board.check_domain_dmarc(zone, "m.b.a.test", "m.b.a.test").finding
            self.assertEqual((found["name"], found["policy"]), (name, policy), records)
            self.assertEqual(dns_board.check_bimi(zone, "m.b.a.test").finding["code"], bimi_code, records)

    def test_dmarc_policies_of_subdomains_and_report_addresses(self):
        for record, verdict in (
            ("v=DMARC1; p=none; rua=mailto:a@a.test,mailto:b@b.test!10m", "ok"),
            ("v=DMARC1; p=none; sp=bogus", "error"),
            ("v=DMARC1; p=none; rua=mailto:nobody", "warning"),
            ("v=DMARC1; p=none; rua=a@a.test", "warning"),
            ("v=DMARC1; p=none; p=reject", "error"),
            ("v=DMARC1; p=none; pct=101", "error"),
            ("v=DMARC1; p=none; adkim=x", "error"),
            ("v=DMARC1; p=none; fo=1:d; ri=86400; t=y", "ok"),
            ("v=DMARC1; p=none; np=maybe", "error"),
            ("v=DMARC1; p=none; rua=mailto:a@other.test", "warning"),
            ("v=DMARC1; p=none; rua=mailto:a@friend.test", "ok"),
        ):
            takers = {f"a.test._report._dmarc.{name}": "v=DMARC1;" for name in ("friend.test", "b.test")}
            zone = Zone({"_dmarc.a.test": record, **takers})
            self.assertEqual(dns_board.check_domain_dmarc(zone, "a.test", "a.test").verdict, verdict, record)
