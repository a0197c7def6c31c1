"""Random calls of /api/v2 with tenant A's key, against a real server: no 500, nothing of tenant B is read or changed.

The calls are made from the API's own OpenAPI document: every operation, ids of A, of B, of nobody and beyond
any limit, bodies that fit the schema and bodies that do not. Tenant B's names are secret words that may appear
in no answer; a fingerprint of B's rows is the same before and after.
"""

import contextlib
import json
import random
import urllib.error
import urllib.parse
import urllib.request

from lokario_cli.console import say
from lokario_cli.odoo_process import Server

from .engine_environment import engine_environment

POINTS = 10_000
SECRET = "zqxjkv"  # part of every name of tenant B
IDS = (0, -1, 2**31 - 1, 2**31, 10**30, 999_999)
TEXTS = (
    "",
    "x",
    "é\u0000",
    "a" * 5000,
    "../..",
    "'; DROP TABLE engine_ip; --",
    "{{7*7}}",
    "[FNAME]",
    "\u202e",
    "0",
    "null",
)
FINGERPRINT = """
SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
    SELECT row(x.id, x.name, x.slug, x.from_email)::text AS t FROM engine_tenant x WHERE x.id = %(b)s
    UNION ALL SELECT row(x.id, x.address, x.status, x.stage)::text FROM engine_ip x WHERE x.tenant_id = %(b)s
    UNION ALL SELECT row(x.id, x.name)::text FROM engine_domain x WHERE x.tenant_id = %(b)s
    UNION ALL SELECT row(x.id, x.sent, x.reserved, x.quota)::text FROM engine_ip_day x WHERE x.tenant_id = %(b)s
) rows
"""


def run(points, seed):
    """The broken promises of `points` random calls."""
    with served_api() as served:
        return call_at_random(served, points, seed)


def call_at_random(served, points, seed):
    """The broken promises of `points` random calls to what `served_api` yields."""
    server, engine, ids, token = served
    before = _fingerprint(engine, ids)
    broken = _storm(server.url, token, ids, points, random.Random(seed))
    if _fingerprint(engine, ids) != before:
        broken.append("rows of tenant B changed")
    return broken


@contextlib.contextmanager
def served_api():
    """Yield (server, EngineEnvironment, ids, token of a key of tenant A) of a real server with two tenants."""
    with engine_environment("lokario_chaos_api") as engine:
        ids, token = _prepare(engine)
        engine.close()
        names = {"db_name": engine.database, "lokario/manager_db": engine.database}
        with Server("chaos-api", engine.environment.options(**names)) as server:
            yield server, engine, ids, token


def _prepare(engine):
    with engine.env() as env:
        a = engine.create_tenant(env, "alpha", ips=2, quota=1000)
        b = env["engine.tenant"].create(
            {"name": SECRET, "slug": SECRET, "from_name": SECRET, "from_email": f"x@{SECRET}.test"}
        )
        ip = b._add_domain(f"{SECRET}.test", "198.51.100.77")
        key = env["engine.api.key"].create({"name": "A", "tenant_ids": a.ids, "calls_per_minute": 1_000_000})
        ids = {"a": a.id, "b": b.id, "b_ip": ip.id, "b_domain": ip.domain_id.id, "a_ip": a.ip_ids[0].id}
        return ids, key._issue_token()


def _fingerprint(engine, ids):
    with engine.env() as env:
        env.cr.execute(FINGERPRINT, ids)
        found = env.cr.fetchone()[0]
    engine.close()
    return found


def _storm(url, token, ids, points, dice):
    document = json.loads(urllib.request.urlopen(f"{url}/api/v2/openapi.json", timeout=60).read())
    operations = [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    broken, statuses = set(), {}
    for _number in range(points):
        path, method, operation = dice.choice(operations)
        status, body = _call(url, token, document, path, method, operation, ids, dice)
        statuses[status] = statuses.get(status, 0) + 1
        if status >= 500:
            broken.add(f"{method.upper()} {path} answered {status}")
        elif status not in (429,) and str(status) not in operation["responses"]:
            broken.add(f"{method.upper()} {path} answered {status}, which its description does not name")
        if SECRET in body:
            broken.add(f"{method.upper()} {path} showed something of tenant B")
    say(f"      {len(operations)} operations, answers: {dict(sorted(statuses.items()))}")
    return sorted(broken)


def _call(url, token, document, path, method, operation, ids, dice):
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            value = str(_value(parameter.get("schema", {}), document, ids, dice))
            path = path.replace(f"{{{parameter['name']}}}", urllib.parse.quote(value[:200], safe="") or "0")
    query = {
        parameter["name"]: _value(parameter.get("schema", {}), document, ids, dice)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and dice.random() < 0.5
    }
    target = f"{url}/api/v2{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    data = _body(operation, document, ids, dice) if method != "get" else None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(target, data=data, headers=headers, method=method.upper())
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def _body(operation, document, ids, dice):
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    value = _value(schema, document, ids, dice) if dice.random() < 0.9 else dice.choice(TEXTS)
    return json.dumps(value).encode() if dice.random() < 0.97 else b"\xff{" + bytes([dice.randrange(256)])


def _value(schema, document, ids, dice, depth=0):
    if "$ref" in schema:
        schema = document["components"]["schemas"].get(schema["$ref"].rpartition("/")[2], {})
    if depth > 5 or dice.random() < 0.05:
        return dice.choice([None, -1, "x", [], {}, 1.5, True])
    if "anyOf" in schema:
        return _value(dice.choice(schema["anyOf"]), document, ids, dice, depth + 1)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {
            name: _value(field, document, ids, dice, depth + 1) for name, field in fields.items() if dice.random() < 0.9
        }
    if kind == "array":
        return [_value(schema.get("items", {}), document, ids, dice, depth + 1) for _n in range(dice.randint(0, 3))]
    if kind == "integer":
        return dice.choice([*ids.values(), *ids.values(), dice.randint(1, 500), *IDS])
    if kind == "boolean":
        return dice.choice([True, False])
    return dice.choice(
        [
            f"{SECRET[::-1]}{dice.randint(1, 9999)}@a.test",
            f"n{dice.randint(1, 99999)}.alpha.test",
            "192.0.2.200",
            *TEXTS,
        ]
    )
