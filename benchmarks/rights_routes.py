"""The HTTP routes of our addons, visited by every role in this process: no server, no port."""

import re
import threading

import werkzeug.exceptions
from werkzeug.test import Client

from lokario_cli.paths import ADDONS

MODULES = tuple(f"odoo.addons.{name}." for name in ADDONS)
API = ("/api/v2/campaigns", "/api/v2/contacts", "/api/v2/templates", "/api/v2/openapi.json", "/api/v2/domains")


def paths(env) -> list[tuple[str, str]]:
    """(method, path) of each route of ours; where a path has a part that varies, the first record's number."""
    threading.current_thread().dbname = env.cr.dbname  # as a request's thread has it
    found = {("GET", path) for path in API}
    for rule in env["ir.http"].routing_map().iter_rules():
        if rule.endpoint.func.__module__.startswith(MODULES):
            path = re.sub(r"<[^>]+>", "1", rule.rule)
            found |= {(method, path) for method in (rule.methods or {"GET", "POST"}) & {"GET", "POST"}}
    return sorted(found)


def session_cookie(env, user) -> str:
    """The cookie of a session in which the user is logged in; the public user has none."""
    from odoo.http import root

    session = root.session_store.new()
    session.update({"db": env.cr.dbname, "context": {}, "debug": ""})
    if not user._is_public():
        session.update({"login": user.login, "uid": user.id})
        session.session_token = user._compute_session_token(session.sid)
    root.session_store.save(session)
    return f"session_id={session.sid}"


def visit(cookie: str, method: str, path: str) -> tuple[int, bytes]:
    from odoo.http import root

    client = Client(root)
    try:
        answer = client.open(path, method=method, headers={"Cookie": cookie}, base_url="http://localhost")
    except werkzeug.exceptions.HTTPException as error:
        return error.code, b""
    return answer.status_code, answer.get_data()
