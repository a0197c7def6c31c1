"""The follow-up's promises at full length: the dry run of 200 portfolios against the job, outages of 1 to 45 days
through the cron, dead mailboxes with the time-outs of production.
"""

import os

from lokario_testing.results import Result

from .full_length import prove

PROOFS = {
    "dry run = execution on 200 portfolios": "TestDryRun",
    "outages of 1 to 45 days through the job": "TestTimeTravel",
    "5 black holes and 5 droppers, default time-outs": "TestIsolation",
}


def run() -> list[Result]:
    os.environ |= {"LOKARIO_FULL": "1", "LOKARIO_PORTFOLIOS": "200"}
    return prove("follow-ups", "lokario_billing", PROOFS)
