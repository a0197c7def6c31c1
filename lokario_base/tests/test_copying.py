from datetime import datetime

from odoo.tests import TransactionCase, tagged

from ..tools.copying import copy_rows

TEXTS = ["", "\\N", "\\", "\\n", "a\tb\nc\r\nd", "é€😀", "{}", '"', "\\.", " x ", "NULL", "a,b", "\x0b\x1f"]


@tagged("post_install", "-at_install")
class TestCopying(TransactionCase):
    def test_every_value_comes_back_as_it_was(self):
        self.env.cr.execute(
            'CREATE TEMPORARY TABLE copied (id int, "references" text, names text[], is_it bool, moment timestamp)'
        )
        moment = datetime(2026, 11, 29, 18, 30, 5, 123456)
        rows = [(n, text, [text, *TEXTS], n % 2 == 0, moment) for n, text in enumerate(TEXTS)]
        rows.append((99, None, None, None, None))
        rows.append((100, "x", [], False, None))
        copy_rows(self.env.cr, "copied", ("id", "references", "names", "is_it", "moment"), rows)
        self.env.cr.execute('SELECT id, "references", names, is_it, moment FROM copied ORDER BY id')
        self.assertEqual(self.env.cr.fetchall(), rows)
