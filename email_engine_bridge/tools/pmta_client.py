"""A client of PowerMTA's management API: write a file, then run a command (User's Guide, 5.0).

`POST /configFile` stores files (op=commit) and does not check them; `POST /command` reloads.
Every file lives in /etc/pmta.
"""

import requests

from odoo.addons.lokario_base.tools.pinned_http import DestinationRefused, pin_public, pinned_session

from ..exceptions import EngineRejected, EngineUnavailable
from .finding import translatable as _

TIMEOUT = 30  # seconds to connect, and between two bytes
CONFIG_FOLDER = "/etc/pmta"
MAX_ANSWER = 1_000_000  # bytes


class PmtaClient:
    """Talks to one PowerMTA; `api_key` is its http-api-key."""

    def __init__(self, base_url, api_key, pin=pin_public):
        self._session = pinned_session(pin)
        self._base_url = base_url.rstrip("/")
        self._headers = {"X-API-Key": api_key}

    def write_files(self, files):
        """Store {name below /etc/pmta: text} in one commit."""
        fields = [("op", "commit")]
        for number, (name, content) in enumerate(sorted(files.items()), 1):
            fields += [
                (f"file.{number}.name", name),
                (f"file.{number}.op", "write"),
                (f"file.{number}.content", content),
            ]
        parts = [(name, (None, value)) for name, value in fields]
        self._post("/configFile", files=parts)

    def run(self, command):
        """Run a command such as `reload` or `pause queue */name`; raises EngineRejected on an error answer."""
        self._post("/command", data={"command": command, "format": "json"})

    def _post(self, path, **arguments):
        try:
            response = self._session.post(
                self._base_url + path,
                headers=self._headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                **arguments,
            )
        except DestinationRefused:
            raise EngineRejected(_("PowerMTA: an administrator has to allow this private address")) from None
        except requests.RequestException as error:
            raise EngineUnavailable(_("PowerMTA does not answer (%(error)s)"), error=type(error).__name__) from None
        if response.status_code >= 500:
            raise EngineUnavailable(_("PowerMTA answered %(status)s"), status=response.status_code)
        self._check_answer(response)

    def _check_answer(self, response):
        if len(response.content) > MAX_ANSWER:
            raise EngineRejected(_("The answer of PowerMTA is too large"))
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        error = isinstance(answer, dict) and answer.get("error")
        if error:
            raise EngineRejected(_("PowerMTA says: %(error)s"), error=str(error)[:500])
        if not response.ok:
            raise EngineRejected(_("PowerMTA answered %(status)s"), status=response.status_code)
