import base64

from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_base.tools import vault

OLD = "1:" + base64.b64encode(b"a" * 32).decode()
NEW = "2:" + base64.b64encode(b"b" * 32).decode()


def make_vault(text):
    return vault.Vault(vault.parse_keys(text))


@tagged("post_install", "-at_install")
class TestVault(BaseCase):
    def test_opens_what_it_sealed(self):
        sealed = make_vault(OLD).seal("mot de passe é", "model,field,1")
        self.assertNotIn("passe", sealed)
        self.assertEqual(make_vault(OLD).unseal(sealed, "model,field,1"), "mot de passe é")

    def test_the_same_secret_never_looks_the_same(self):
        self.assertNotEqual(make_vault(OLD).seal("x", "c"), make_vault(OLD).seal("x", "c"))

    def test_bound_to_its_owner(self):
        sealed = make_vault(OLD).seal("x", "model,field,1")
        with self.assertRaises(vault.Unreadable):
            make_vault(OLD).unseal(sealed, "model,field,2")

    def test_newest_key_seals_and_old_key_still_opens(self):
        sealed = make_vault(OLD).seal("x", "c")
        both = make_vault(f"{NEW},{OLD}")
        self.assertEqual(both.unseal(sealed, "c"), "x")
        self.assertTrue(both.seal("x", "c").startswith("lk1:2:"))
        with self.assertRaises(vault.Unreadable):
            make_vault(NEW).unseal(sealed, "c")

    def test_altered_text_is_refused(self):
        sealed = make_vault(OLD).seal("x", "c")
        for bad in (sealed[:-4], sealed + "AA==", "", "plain", "lk1:1:???", "lk1:1:"):
            with self.assertRaises(vault.Unreadable, msg=bad):
                make_vault(OLD).unseal(bad, "c")

    def test_bad_key_lists_are_refused(self):
        for text in ("nokey", "1:short", "1:" + base64.b64encode(b"x" * 16).decode(), f"{OLD},{OLD}", ":" + OLD[2:]):
            with self.assertRaises(vault.BadKeys, msg=text):
                vault.parse_keys(text)

    def test_no_key_refuses_to_seal(self):
        with self.assertRaises(vault.NoKey):
            make_vault("").seal("x", "c")
