from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields
from odoo.tests import TransactionCase, tagged

from ..models import form_token


@tagged("post_install", "-at_install")
class TestFormToken(TransactionCase):
    def test_once_for_one_link(self):
        tokens = self.env["lokario.form.token"]
        first, second = tokens._issue("link"), tokens._issue("link")
        self.assertFalse(tokens._redeem("other link", first))
        self.assertTrue(tokens._redeem("link", first))
        self.assertFalse(tokens._redeem("link", first))
        self.assertFalse(tokens._redeem("link", first + "="), "the same bytes in other letters")
        self.assertTrue(tokens._redeem("link", second))
        for bad in ("", None, "x", second[::-1], "é"):
            self.assertFalse(tokens._redeem("link", bad))

    def test_a_link_is_good_for_some_changes_an_hour(self):
        tokens = self.env["lokario.form.token"]
        with patch.object(form_token, "CHANGES", 1):
            redeemed = [tokens._redeem("busy link", tokens._issue("busy link")) for _form in range(4)]
        self.assertIn(sum(redeemed), (1, 2), "one an hour, and an hour may end between two")
        self.assertTrue(tokens._redeem("another", tokens._issue("another")))

    def test_not_for_ever(self):
        token = self.env["lokario.form.token"]._issue("link")
        with freeze_time(fields.Datetime.now() + timedelta(days=1)):
            self.assertFalse(self.env["lokario.form.token"]._redeem("link", token))

    def test_a_use_that_is_rolled_back_is_none(self):
        tokens = self.env["lokario.form.token"]
        token = tokens._issue("link")
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            tokens._redeem("link", token)
            raise ZeroDivisionError
        self.assertTrue(tokens._redeem("link", token))
