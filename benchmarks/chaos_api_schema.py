"""Every operation of /api/v2 as Schemathesis tries it from the OpenAPI document: no 500, nothing it does not say.

Points are cases of random data for each operation, beside the boundary cases of every parameter.
"""

from lokario_cli.console import say
from lokario_testing.environments import schemathesis

from .chaos_api import served_api

POINTS = 100


def run(points, seed):
    """What the answers break of the API's own description."""
    with served_api() as (server, _engine, _ids, token):
        cases, broken = schemathesis.judge(f"{server.url}/api/v2/openapi.json", token, points, seed)
    say(f"      {cases} cases")
    return broken
