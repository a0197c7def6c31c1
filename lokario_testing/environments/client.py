"""A person's session with an Odoo server over HTTP, as the web client speaks: cookies and JSON-RPC."""

import http.cookiejar
import json
import urllib.error
import urllib.request


class RpcError(Exception):
    """The server refused the call; the message is the one a person would see."""


class OdooClient:
    """``url`` is where the server listens, ``host`` the public name the visitor typed."""

    def __init__(self, url: str, host: str = "localhost", timeout: float = 300):
        self.url = url
        self.host = host
        self._timeout = timeout
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self.uid: int | None = None
        self._context = {}
        self._password = ""

    def login(self, database: str, login: str, password: str) -> int:
        params = {"db": database, "login": login, "password": password}
        session = self.json("/web/session/authenticate", params)
        self.uid, self._context, self._password = session["uid"], session["user_context"], password
        return self.uid

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)

    def call(self, model: str, method: str, *args, **kwargs):
        kwargs["context"] = {**self._context, **kwargs.get("context", {})}
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        answer = self.json(f"/web/dataset/call_kw/{model}/{method}", params)
        if isinstance(answer, dict) and answer.get("res_model") == "res.users.identitycheck":
            context = {"password": self._password}  # what the person types into the window that asks for it again
            return self.call(answer["res_model"], "run_check", [answer["res_id"]], context=context)
        return answer

    def create(self, model: str, values: dict) -> int:
        return self.call(model, "create", [values])[0]

    def read(self, model: str, record_id: int, *names: str) -> dict:
        return self.call(model, "read", [record_id], list(names))[0]

    def find(self, model: str, domain: list) -> int | None:
        found = self.call(model, "search", domain, limit=1)
        return found[0] if found else None

    def json(self, path: str, params: dict):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}).encode()
        answer = json.loads(self.open(path, body, {"Content-Type": "application/json"})[1])
        if "error" in answer:
            data = answer["error"].get("data", {})
            raise RpcError(data.get("message") or answer["error"]["message"])
        return answer.get("result")

    def open(self, path: str, body: bytes | None = None, headers: dict | None = None) -> tuple[int, bytes]:
        """Status and body of a request, also of those that fail."""
        request = urllib.request.Request(self.url + path, body, {"Host": self.host, **(headers or {})})
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
