"""Routers of /api/v2. A new router file is imported here and added to `engine_routers`."""

from . import campaigns, contacts, docs, domains, health, powermta, quotas, stats, templates, webhooks

engine_routers = [
    health.router,
    quotas.router,
    powermta.router,
    domains.router,
    docs.router,
    campaigns.router,
    contacts.router,
    stats.router,
    templates.router,
    webhooks.router,
]
