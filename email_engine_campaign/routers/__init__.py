"""Routers of /api/v2 that this addon adds. A new router file is imported here and added to `campaign_routers`."""

from . import (
    campaigns,
    contacts,
    lists,
    messages,
    optins,
    segments,
    stats,
    suppressions,
    templates,
    webhook_targets,
    webhooks,
)

campaign_routers = [
    campaigns.router,
    contacts.router,
    lists.router,
    messages.router,
    optins.router,
    segments.router,
    stats.router,
    suppressions.router,
    templates.router,
    webhook_targets.router,
    webhooks.router,
]
