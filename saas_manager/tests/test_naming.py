from odoo.tests import BaseCase, tagged

from odoo.addons.saas_manager.exceptions import InvalidName
from odoo.addons.saas_manager.tools import naming


@tagged("post_install", "-at_install")
class TestNaming(BaseCase):
    def test_refused(self):
        cases = {
            "ab": "short",
            "": "short",
            "a" * 41: "long",
            "Acme": "characters",
            "ac_me": "characters",
            "-acme": "characters",
            "acme-": "characters",
            "ac.me": "characters",
            "acmé": "characters",
            'x"; drop database lokario; --': "characters",
            "acme\n": "characters",
            "xn--acme": "punycode",
            "12345": "digits",
            "www": "reserved",
            "postgres": "reserved",
        }
        for name, code in cases.items():
            with self.subTest(name), self.assertRaises(InvalidName) as caught:
                naming.check_subdomain(name)
            self.assertEqual(caught.exception.code, code)

    def test_accepted(self):
        for name in ("acme", "a1b", "martin-plomberie", "a" * 40, "4you"):
            naming.check_subdomain(name)

    def test_no_client_can_name_a_template(self):
        template = naming.template_database_name("t-", "base", 3)
        self.assertEqual(template, "t-tpl_base_v3")
        with self.assertRaises(InvalidName):
            naming.check_subdomain(template.removeprefix("t-"))

    def test_names_longer_than_postgresql_keeps_are_refused(self):
        with self.assertRaises(InvalidName) as caught:
            naming.database_name("p" * 30, "a" * 40)
        self.assertEqual(caught.exception.code, "bytes")

    def test_slug(self):
        self.assertEqual(naming.slug("Société d'Électricité & Fils"), "societe-d-electricite-fils")
        self.assertEqual(naming.slug("Cœur de Straße & Łódź"), "coeur-de-strasse-lodz")
        self.assertEqual(naming.slug("東京"), "company")
        self.assertEqual(naming.slug("1984"), "company-1984")
        for text in ("A" * 100 + " x", "Demo", "AB", "9" * 60, "xn--x", "-", "", None):
            with self.subTest(text):  # what is proposed is accepted
                naming.check_subdomain(naming.slug(text))

    def test_a_base_domain_is_a_host_name(self):
        for host in ("localhost", "example.com", "xn--80ak6aa92e.com", "a" * 63 + ".fr"):
            self.assertTrue(naming.HOST.fullmatch(host), host)
        for host in ("example.com.", "a..b", "-a.fr", "a-.fr", "Example.fr", "a_b.fr", "x:80", "", "a" * 64 + ".fr"):
            self.assertFalse(naming.HOST.fullmatch(host), host)
