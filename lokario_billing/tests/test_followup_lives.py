"""40 random lives of an invoice and of a quote against the reference; `./lokario chaos dunning` lives 2,000."""

import os
from unittest.mock import patch

from freezegun import freeze_time
from odoo.tests import tagged

from . import life_reference
from .common import BillingCase
from .lives import START, Lives

COUNT = int(os.environ.get("LOKARIO_LIVES", "40"))


@tagged("post_install", "-at_install")
class TestFollowupLives(BillingCase):
    def test_who_is_written_to_when_and_with_which_sum(self):
        with freeze_time(START) as clock:
            lives = Lives(self.env(su=True), clock)
            lives.run(COUNT, derandomize=True)
        self.assertGreater(lives.written, COUNT)

    def test_another_promise_would_be_noticed(self):
        """The reference is not blind: a first reminder one day later is a difference."""
        later = patch.dict(life_reference.INVOICE_LEVELS, {1: ("due", 8)})
        with freeze_time(START) as clock, later, self.assertRaisesRegex(AssertionError, "instead of"):
            Lives(self.env(su=True), clock).run(COUNT, derandomize=True)
