"""A client of PowerMTA's management API: write a file, then run a command (User's Guide, 5.0).

`POST /configFile` stores files (op=commit) and does not check them; `POST /command` reloads.
Every file lives in /etc/pmta.
"""

import requests

from ..exceptions import EngineRejected, EngineUnavailable

TIMEOUT = 30  # seconds to connect, and between two bytes
CONFIG_FOLDER = "/etc/pmta"
MAX_ANSWER = 20_000_000  # bytes of a configuration that is read back


class PmtaClient:
    """Talks to one PowerMTA; `api_key` is its http-api-key."""

    def __init__(self, base_url, api_key):
        self._base_url = base_url.rstrip("/")
        self._headers = {"X-API-Key": api_key}

    def read_config(self, filename="config"):
        """Return the text of a configuration file as the server has it."""
        answer = self._call("GET", "/configFile", params={"op": "read", "filename": filename, "format": "json-text"})
        return answer.get("content", "")

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
        self._call("POST", "/configFile", files=parts)

    def run(self, command):
        """Run a command such as `reload` or `pause queue */name`; raises EngineRejected on an error answer."""
        return self._call("POST", "/command", data={"command": command, "format": "json"})

    def _call(self, method, path, **arguments):
        try:
            response = requests.request(
                method,
                self._base_url + path,
                headers=self._headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                **arguments,
            )
        except requests.RequestException as error:
            raise EngineUnavailable(f"PowerMTA does not answer ({type(error).__name__})") from None
        if response.status_code >= 500:
            raise EngineUnavailable(f"PowerMTA answered {response.status_code}")
        return self._read_answer(response)

    def _read_answer(self, response):
        if len(response.content) > MAX_ANSWER:
            raise EngineRejected("The answer of PowerMTA is too large")
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        error = isinstance(answer, dict) and answer.get("error")
        if not response.ok or error:
            raise EngineRejected(str(error or f"PowerMTA answered {response.status_code}")[:500])
        return answer if isinstance(answer, dict) else {}
