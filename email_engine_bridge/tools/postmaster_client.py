"""A client of Gmail's Postmaster Tools API v2: the daily figures of a domain.

Source: developers.google.com/workspace/gmail/postmaster. The caller is a service account that was added as a user of
the domain; it proves itself by a signed assertion (RFC 7523).
"""

import base64
import json
import time
from datetime import date
from urllib.parse import quote

import requests
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from odoo.addons.lokario_base.tools.pinned_http import DestinationRefused, pin_public, pinned_session

from ..exceptions import EngineRejected, EngineUnavailable
from .finding import translatable as _

DEFAULT_URL = "https://gmailpostmastertools.googleapis.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
SCOPE = "https://www.googleapis.com/auth/postmaster.traffic.readonly"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TIMEOUT = 20  # seconds to connect, and between two bytes
LIFETIME = 600  # seconds of an assertion
PAGE = 200
METRICS = [
    {"name": "spam", "baseMetric": {"standardMetric": "SPAM_RATE"}},
    *(
        {"name": kind, "baseMetric": {"standardMetric": "AUTH_SUCCESS_RATE"}, "filter": f'auth_type = "{kind}"'}
        for kind in ("spf", "dkim", "dmarc")
    ),
    {"name": "errors", "baseMetric": {"standardMetric": "DELIVERY_ERROR_RATE"}},
]


class PostmasterClient:
    """Built from the JSON file of a service account; `base_url` and `token_url` are Google's or a stand-in's."""

    def __init__(self, account, base_url=DEFAULT_URL, token_url=TOKEN_URL, pin=pin_public):
        self._session = pinned_session(pin)
        self._base, self._token_url = base_url.rstrip("/"), token_url
        self._email, self._key = _read_account(account)
        self._token = None

    def fetch(self, domain, first, last):
        """Return {day: {metric: share from 0 to 1}} of the days for which Google has figures."""
        days, page = {}, ""
        while page is not None:
            query = {
                "timeQuery": {"dateRanges": {"dateRanges": [{"start": _date(first), "end": _date(last)}]}},
                "metricDefinitions": METRICS,
                "aggregationGranularity": "DAILY",
                "pageSize": PAGE,
                "pageToken": page,
            }
            answer = self._ask(f"{self._base}/v2/domains/{quote(domain, safe='')}/domainStats:query", query)
            for stat in answer.get("domainStats", []):
                day = date(*(stat["date"][part] for part in ("year", "month", "day")))
                value = stat.get("value", {})
                days.setdefault(day, {})[stat["metric"]] = float(value.get("doubleValue", value.get("floatValue", 0)))
            page = answer.get("nextPageToken") or None
        return days

    def _ask(self, url, query):
        if not self._token:
            form = {"grant_type": GRANT, "assertion": self._sign_assertion()}
            self._token = self._post(self._token_url, data=form)["access_token"]
        return self._post(url, json=query, headers={"Authorization": f"Bearer {self._token}"})

    def _sign_assertion(self):
        now = int(time.time())
        claims = {"iss": self._email, "scope": SCOPE, "aud": self._token_url, "iat": now, "exp": now + LIFETIME}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"

    def _post(self, url, **body):
        try:
            response = self._session.post(url, timeout=TIMEOUT, allow_redirects=False, **body)
        except DestinationRefused:
            raise EngineRejected(_("Postmaster Tools: an administrator has to allow this private address")) from None
        except requests.RequestException as error:
            why = type(error).__name__
            raise EngineUnavailable(_("Postmaster Tools does not answer (%(error)s)"), error=why) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise EngineUnavailable(_("Postmaster Tools answered %(status)s"), status=response.status_code)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not response.ok or not isinstance(answer, dict):
            raise EngineRejected(_("Postmaster Tools refuses (%(status)s)"), status=response.status_code)
        return answer


def _read_account(text):
    """(e-mail, private key) of a service account's JSON file."""
    try:
        account = json.loads(text)
        key = serialization.load_pem_private_key(account["private_key"].encode(), password=None)
        return account["client_email"], key
    except (ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        raise EngineRejected(_("This is not the JSON file of a Google service account")) from None


def _date(day):
    return {"year": day.year, "month": day.month, "day": day.day}


def _encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
