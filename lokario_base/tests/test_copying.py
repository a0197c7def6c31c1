from datetime import datetime

from odoo.tests import TransactionCase, tagged

from ..tools.copying import copy_rows

TEXTS = ["", "\\N", "\\", "\\n", "a\tb\nc\r\nd", "é€😀", "{}", '"', "\\.", " x ", "NULL", "a,b", "\x0b\x1f"]


@tagged("post_install", "-at_install")
class TestCopying(TransactionCase):
    def test_every_value_comes_back_as_it_was(self):
        self.env.cr.execute(
            'CREATE TEMPORARY TABLE copied (id int, "references" text, names text[], is_it bool, moment timestamp,'
            " data bytea)"
        )
        moment = datetime(2026, 11, 29, 18, 30, 5, 123456)
        rows = [(n, text, [text, *TEXTS], n % 2 == 0, moment, text.encode()) for n, text in enumerate(TEXTS)]
        rows.append((99, None, None, None, None, None))
        rows.append((100, "x", [], False, None, bytes(range(256))))
        copy_rows(self.env.cr, "copied", ("id", "references", "names", "is_it", "moment", "data"), rows)
        self.env.cr.execute('SELECT id, "references", names, is_it, moment, data FROM copied ORDER BY id')
        found = [(*row, data and bytes(data)) for *row, data in self.env.cr.fetchall()]
        self.assertEqual(found, rows)

    def test_more_rows_than_are_handed_over_at_a_time(self):
        self.env.cr.execute("CREATE TEMPORARY TABLE copied_often (id int, text text)")
        rows = [(number, "é" * number) for number in range(100)]
        for some in (rows[:16], rows[16:], []):
            copy_rows(self.env.cr, "copied_often", ("id", "text"), some)
        self.env.cr.execute("SELECT id, text FROM copied_often ORDER BY id")
        self.assertEqual(self.env.cr.fetchall(), rows)
