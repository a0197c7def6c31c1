"""Deliver a signed webhook; the answer's body is never read."""

import requests

from . import standard_webhooks
from .pinned_http import DestinationRefused, pin_public, pinned_session

TIMEOUT = 15  # seconds, the upper end of what standardwebhooks.com advises


class DeliveryFailed(Exception):
    """The receiver has not taken the delivery: try again later."""


class WebhookClient:
    """Built from scalars: where to, and the secrets to sign with."""

    def __init__(self, url, secrets, pin=pin_public):
        self._url = url
        self._pin = pin
        self._secrets = secrets

    def deliver(self, message_id, body):
        """Return the status of a 2xx answer; anything else raises `DeliveryFailed`."""
        headers = standard_webhooks.headers(self._secrets, message_id, body)
        headers |= {"Content-Type": "application/json", "User-Agent": "Lokario-Webhooks/2"}
        try:
            with (
                pinned_session(self._pin) as session,
                session.post(
                    self._url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
                ) as response,
            ):
                status = response.status_code
        except DestinationRefused as error:
            raise DeliveryFailed(str(error)) from error
        except requests.RequestException as error:
            raise DeliveryFailed(type(error).__name__) from error
        if not 200 <= status < 300:
            raise DeliveryFailed(f"HTTP {status}")
        return status
