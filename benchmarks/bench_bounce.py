"""Refused mails: who is dead, who is only out of reach? Ours beside flufl.bounce (Mailman's), on labelled answers.

flufl.bounce reads delivery reports, not answers, so each answer is put into one (RFC 3464).
"""

import csv
import logging
import time
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

from lokario_testing.results import Result

from .engine_environment import make_importable

ADDRESS = "anna@x.test"
ROUNDS = 20


def run():
    make_importable()
    logging.getLogger("flufl.bounce").setLevel(logging.WARNING)  # a line for each report
    from odoo.addons.email_engine_bridge.tools import bounce

    labelled = _read_labelled()
    dead = [row for row in labelled if row["kind"] == "hard"]
    living = [row for row in labelled if row["kind"] != "hard"]
    our_verdict = _our_verdict(bounce)
    right = sum(
        bounce.classify(row["status"], row["diagnostic"], row["category"]).kind == row["kind"] for row in labelled
    )
    return [
        Result(
            "bounce: dead addresses found", _share(our_verdict, dead), _share(_peer_verdict, dead), "ours >= 99", "%"
        ),
        Result(
            "bounce: living ones suppressed",
            _share(our_verdict, living),
            _share(_peer_verdict, living),
            "ours <= 0",
            "%",
        ),
        Result("bounce: answers classified rightly", 100 * right / len(labelled), None, "ours >= 99", "%"),
        Result(
            "bounce: an answer seen for the first time", _microseconds(bounce, labelled), None, "ours <= 2000", "µs"
        ),
    ]


def _read_labelled():
    path = Path(__file__).parents[1] / "email_engine_bridge" / "tests" / "bounces.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _share(is_dead, rows):
    return 100 * sum(map(is_dead, rows)) / len(rows)


def _our_verdict(bounce):
    return lambda row: bounce.classify(row["status"], row["diagnostic"], row["category"]).kind is bounce.Kind.HARD


def _peer_verdict(row):
    from flufl.bounce import all_failures

    _temporary, permanent = all_failures(_delivery_report(row))
    return ADDRESS.encode() in permanent


def _delivery_report(row):
    """A report as an MTA makes it: a 4xx answer is reported as failed when the queue gives it up."""
    report = MIMEMultipart("report", **{"report-type": "delivery-status"})
    report["From"], report["Subject"] = "MAILER-DAEMON@mta.ours.test", "Undelivered Mail Returned to Sender"
    report.attach(MIMEText("The mail could not be delivered."))
    about_mail, about_person = Message(), Message()
    about_mail["Reporting-MTA"] = "dns; mta.ours.test"
    about_person["Final-Recipient"] = f"rfc822; {ADDRESS}"
    about_person["Action"] = "delayed" if row["status"].startswith("4") else "failed"
    about_person["Status"] = row["status"]
    about_person["Diagnostic-Code"] = row["diagnostic"].replace("\n", " ")
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    status.set_payload([about_mail, about_person])
    report.attach(status)
    return report


def _microseconds(bounce, rows):
    start = time.perf_counter()
    for number in range(ROUNDS):  # other words each time: nothing is remembered
        for row in rows:
            bounce.classify(row["status"], f"{row['diagnostic']} {number}", row["category"])
    return 1e6 * (time.perf_counter() - start) / (ROUNDS * len(rows))
