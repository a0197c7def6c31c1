"""Routers of /api/v2. A new router file is imported here and added to `engine_routers`."""

from . import health

engine_routers = [
    health.router,
]
