"""Automatic answers at full length: 264 hostile and 200 ordinary mails, four models, unsafe drafts, 30 virtual days
among robots, lists and vacation responders.
"""

import os

from lokario_testing.results import Result

from .full_length import prove

PROOFS = {
    "hostile and ordinary mails": "TestMailsOfABusiness,/lokario_inbox_ai:TestAttacks",
    "30 virtual days": "TestLoopSimulator",
}
GOALS = {
    "ordinary mails answered automatically": "ours >= 0.6",
    "ordinary questions answered automatically": "ours >= 0.95",
}


def run() -> list[Result]:
    os.environ["LOKARIO_FULL_CORPUS"] = "1"
    return prove("autoreply", "lokario_inbox_ai", PROOFS, GOALS)
