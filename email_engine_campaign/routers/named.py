"""Records that a body names."""

from odoo.addons.email_engine_bridge.exceptions import ApiProblem


def find_named(env, model, tenant, names):
    """Return the ids of the tenant's records of these names; answers 422 when one is missing."""
    found = env[model].search([("tenant_id", "=", tenant.id), ("name", "in", names)])
    missing = set(names) - set(found.mapped("name"))
    if missing:
        raise ApiProblem(422, f"Unknown: {', '.join(sorted(missing))}.")
    return found.ids
