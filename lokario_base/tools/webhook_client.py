"""Deliver a signed webhook; of the answer's body the beginning is read, without what looks secret."""

import re
import time
from http.client import HTTPException

import requests
from urllib3.exceptions import HTTPError

from odoo.addons.lokario_gate.redaction import blank

from . import standard_webhooks
from .pinned_http import DestinationRefused, pin_public, pinned_session

TIMEOUT = 15  # seconds, the upper end of what standardwebhooks.com advises
GONE = 410
MAX_ANSWER = 2_000  # bytes of the answer's body
MAX_READING = 5  # seconds for them, however slowly they come
UNPRINTABLE = re.compile(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]")


class DeliveryFailed(Exception):
    """The receiver has not taken the delivery: try again later; ``text`` is what it said about it."""

    def __init__(self, reason, text=""):
        super().__init__(reason)
        self.text = text


class ReceiverGone(DeliveryFailed):
    """The receiver says 410: it wants no delivery any more (standardwebhooks.com)."""


class WebhookClient:
    """Built from scalars: where to, and the secrets to sign with."""

    def __init__(self, url, secrets, pin=pin_public):
        self._url = url
        self._pin = pin
        self._secrets = secrets

    def deliver(self, message_id, body):
        """Return status and text of a 2xx answer; anything else raises `DeliveryFailed`."""
        headers = standard_webhooks.headers(self._secrets, message_id, body)
        headers |= {"Content-Type": "application/json", "User-Agent": "Lokario-Webhooks/2"}
        headers["Accept-Encoding"] = "identity"
        try:
            with (
                pinned_session(self._pin) as session,
                session.post(
                    self._url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
                ) as response,
            ):
                status, text = response.status_code, _beginning_of(response)
        except DestinationRefused as error:
            raise DeliveryFailed(str(error)) from error
        except requests.RequestException as error:
            raise DeliveryFailed(type(error).__name__) from error
        if not 200 <= status < 300:
            raise (ReceiverGone if status == GONE else DeliveryFailed)(f"HTTP {status}", text)
        return status, text


def _beginning_of(response):
    """The first bytes of the answer's body as text; empty where it breaks off, for its status counts."""
    parts, length, deadline = [], 0, time.monotonic() + MAX_READING
    try:
        while length < MAX_ANSWER and time.monotonic() < deadline:
            part = response.raw.read1(MAX_ANSWER - length)
            if not part:
                break
            parts.append(part)
            length += len(part)
    except (OSError, HTTPError, HTTPException):
        return ""
    return UNPRINTABLE.sub("", blank(b"".join(parts).decode(errors="replace")))
