from odoo.tests import BaseCase

from ..tools.sms_text import segments


class TestSegments(BaseCase):
    """What an operator charges."""

    def test_figures_of_the_standard(self):
        for text, expected in (
            ("", 0),
            ("a" * 160, 1),
            ("a" * 161, 2),
            ("a" * 306, 2),
            ("a" * 307, 3),
            ("é" * 160, 1),
            ("ê" * 70, 1),
            ("ê" * 71, 2),
            ("ê" * 135, 3),
            ("€" * 80, 1),
            ("€" * 81, 2),
            ("a" * 151 + "€" + "a" * 153, 2),
            ("a" * 152 + "€" + "a" * 152, 3),
            ("😀" * 35, 1),
            ("😀" * 66, 2),
            ("😀" * 67, 3),
        ):
            with self.subTest(text[:3], length=len(text)):
                self.assertEqual(segments(text), expected)
