"""A client of Microsoft's Smart Network Data Services: the days of our IPs at Outlook.com (“automated data access”)."""

import csv
import io
import re
from datetime import date, datetime
from typing import NamedTuple

import requests

from odoo.addons.lokario_base.tools.pinned_http import DestinationRefused, pin_public, pinned_session

from ..exceptions import EngineRejected, EngineUnavailable
from .finding import translatable as _

DEFAULT_URL = "https://sendersupport.olc.protection.outlook.com/snds"
TIMEOUT = 20  # seconds to connect, and between two bytes
MAX_ANSWER = 8 * 1024 * 1024
# Columns of data.aspx, which has no header: IP, from, to, RCPT, DATA, recipients, filter result, complaints, trap from,
# trap to, trap hits, HELO, MAIL FROM, comments.
COLUMNS = 11


class IpDay(NamedTuple):
    address: str
    day: date
    mails: int
    result: str
    """GREEN, YELLOW or RED: how many of the mails Outlook.com took for spam."""
    complaints: float
    """Percent; the upper end of what it says, such as 0.1 for “< 0.1%”."""
    traps: int


class SndsClient:
    """`base_url` is Microsoft's or a stand-in's; the key opens the data of all IPs of the account."""

    def __init__(self, key, base_url=DEFAULT_URL, pin=pin_public):
        self._session = pinned_session(pin)
        self._url, self._key = f"{base_url.rstrip('/')}/data.aspx", key

    def fetch(self):
        """Return the `IpDay`s of the last day there is; raises without telling the key."""
        try:
            response = self._session.get(self._url, params={"key": self._key}, timeout=TIMEOUT, allow_redirects=False)
        except DestinationRefused:
            raise EngineRejected(_("SNDS: an administrator has to allow this private address")) from None
        except requests.RequestException as error:
            raise EngineUnavailable(_("SNDS does not answer (%(error)s)"), error=type(error).__name__) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise EngineUnavailable(_("SNDS answered %(status)s"), status=response.status_code)
        if not response.ok or len(response.content) > MAX_ANSWER:
            raise EngineRejected(_("SNDS refuses (%(status)s); is the key right?"), status=response.status_code)
        rows = csv.reader(io.StringIO(response.content.decode("utf-8", "replace")))
        return [_read_row(row) for row in rows if len(row) >= COLUMNS]


def _read_row(row):
    try:
        moment = datetime.strptime(row[1].strip(), "%m/%d/%Y %I:%M %p")
        share = re.search(r"[\d.]+", row[7])
        return IpDay(
            row[0].strip(),
            moment.date(),
            int(row[5]),
            row[6].strip().upper(),
            float(share[0]) if share else 0.0,
            int(row[10] or 0),
        )
    except ValueError:
        raise EngineRejected(_("SNDS answers something else than its data; is the key right?")) from None
