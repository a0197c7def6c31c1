"""What the routes of /api/v2 ask for: an authenticated environment, a tenant, a page."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from odoo.api import Environment
from odoo.http import request

from odoo.addons.fastapi.dependencies import odoo_env

from ..const import MAX_INT
from ..exceptions import ApiProblem

bearer = HTTPBearer(auto_error=False, description="An API key of the engine")


def engine_env(
    env: Annotated[Environment, Depends(odoo_env)],
    _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Environment:
    """Return the environment of the API user, narrowed to the tenants of the key that the dispatcher checked.

    The key's tenants travel in the context (`engine_tenant_ids`), where the record rules of
    the API group read them; without them nothing is visible.
    """
    key_sudo = request.engine_api_key_sudo
    request.engine_api_key_index = key_sudo.key_index
    return env(context=dict(env.context, lang=_get_language(env), **key_sudo._get_api_context()))


def _get_language(env):
    """Return the language the caller asked for, English otherwise (never the database's own)."""
    accepted, lang = request.httprequest.headers.get("Accept-Language", ""), env.context.get("lang") or "en_US"
    return lang if accepted.lower().startswith(lang[:2]) else "en_US"


def write_env(env: Annotated[Environment, Depends(engine_env)]) -> Environment:
    """Return `engine_env` for routes that change something: refuses read-only keys."""
    if request.engine_api_key_sudo.access != "write":
        raise ApiProblem(403, "This API key may only read. Ask for a key that may write.")
    return env


class Page(NamedTuple):
    offset: int
    limit: int


def page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page:
    """Return the asked page as (offset, limit)."""
    return Page((page - 1) * page_size, page_size)


RecordId = Annotated[int, Path(ge=1, le=MAX_INT)]
EngineEnv = Annotated[Environment, Depends(engine_env)]
WriteEnv = Annotated[Environment, Depends(write_env)]
Paging = Annotated[Page, Depends(page)]


def get_visible(env, model, record_id):
    """Return the record if this key may see it, else answer 404, as if it did not exist."""
    record = env[model].search([("id", "=", record_id)])
    if not record:
        raise ApiProblem(404, f"There is no {env[model]._description.lower()} {record_id} here.")
    return record


def list_page(env, model, domain, paging):
    """Return what a page of records answers: `items`, each by `_describe()` of its model, and their `total`."""
    records = env[model].search(domain, offset=paging.offset, limit=paging.limit)
    return {"items": [record._describe() for record in records], "total": env[model].search_count(domain)}


def engine_tenant(tenant_id: RecordId, env: EngineEnv):
    """Return the tenant of the path, visible to the key."""
    return get_visible(env, "engine.tenant", tenant_id)


Tenant = Annotated[object, Depends(engine_tenant)]
