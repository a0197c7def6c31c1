"""Routers of /api/v2 that this addon adds. A new router file is imported here and added to `campaign_routers`."""

from . import campaigns, contacts, stats, templates, webhooks

campaign_routers = [campaigns.router, contacts.router, stats.router, templates.router, webhooks.router]
