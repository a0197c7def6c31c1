"""Routers of /api/v2. A new router file is imported here and added to `engine_routers`.

Another addon adds its own by extending `fastapi.endpoint._get_fastapi_routers`.
"""

from . import docs, domains, health, ips, powermta, quotas

engine_routers = [health.router, quotas.router, ips.router, powermta.router, domains.router, docs.router]
