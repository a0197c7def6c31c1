"""The scheduler checks its triggers once a minute: what is due sooner rings for it at the very second.

A process that ends before its alarm costs nothing but that precision: the trigger stands in the database.
"""

import logging
import threading
from datetime import UTC, datetime
from functools import partial

import psycopg2
from odoo.service.server import SLEEP_INTERVAL

_logger = logging.getLogger(__name__)

MARGIN = 0.05  # seconds after the moment, so that the trigger counts as past
_alarms: set[tuple[str, datetime]] = set()  # (database, moment) that this process will ring


def trigger_on_time(cron, moment: datetime) -> None:
    """Have an ir.cron (sudoed) run at a moment (naive UTC), right to the second once the transaction is committed."""
    cron._trigger(moment)
    if 0 < _seconds_until(moment) < SLEEP_INTERVAL:
        cron.env.cr.postcommit.add(partial(_set_alarm, cron, moment))


def _seconds_until(moment):
    return (moment - datetime.now(UTC).replace(tzinfo=None)).total_seconds()


def _set_alarm(cron, moment):
    key = (cron.env.cr.dbname, moment)
    if key not in _alarms:
        _alarms.add(key)
        timer = threading.Timer(max(0, _seconds_until(moment)) + MARGIN, _ring, (cron, key))
        timer.daemon = True
        timer.start()


def _ring(cron, key):
    _alarms.discard(key)
    try:
        cron._notifydb()  # asks nothing of the closed cursor but the name of its database
    except psycopg2.Error as err:
        _logger.info("The scheduler looks automatically within a minute: %s", err)
