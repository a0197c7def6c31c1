"""A client of Telegram's bot API: one method, sendMessage (core.telegram.org/bots/api)."""

import requests

from odoo.addons.lokario_base.tools.pinned_http import DestinationRefused, pin_public, pinned_session

from ..exceptions import EngineRejected, EngineUnavailable
from .finding import translatable as _

TIMEOUT = 10  # seconds to connect, and between two bytes
DEFAULT_URL = "https://api.telegram.org"


class TelegramClient:
    """Sends messages of one bot; `base_url` is Telegram's or a stand-in's."""

    def __init__(self, token, base_url=DEFAULT_URL, pin=pin_public):
        self._session = pinned_session(pin)
        self._url = f"{base_url.rstrip('/')}/bot{token}/sendMessage"

    def send(self, chat_id, text):
        """Send a plain text; raises EngineUnavailable or EngineRejected, without the token."""
        try:
            response = self._session.post(
                self._url, json={"chat_id": chat_id, "text": text}, timeout=TIMEOUT, allow_redirects=False
            )
        except DestinationRefused:
            raise EngineRejected(_("Telegram: an administrator has to allow this private address")) from None
        except requests.RequestException as error:
            raise EngineUnavailable(_("Telegram does not answer (%(error)s)"), error=type(error).__name__) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise EngineUnavailable(_("Telegram answered %(status)s"), status=response.status_code)
        if not response.ok:
            raise EngineRejected(_("Telegram refused the message (%(status)s)"), status=response.status_code)
