"""What the routes of /api/v2 ask for: an authenticated environment, a tenant, a page."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from odoo.api import Environment
from odoo.http import request
from odoo.tools import split_every

from odoo.addons.fastapi.dependencies import odoo_env

from ..const import MAX_INT
from ..exceptions import ApiProblem

PIECE = 100  # records that are read together
MAX_ANSWER = 32 * 1024 * 1024  # characters of a page

bearer = HTTPBearer(auto_error=False, description="An API key of the engine")


def engine_env(
    env: Annotated[Environment, Depends(odoo_env)],
    _documented: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    called: Request,
) -> Environment:
    """Return the environment of the API user, narrowed to the tenants of the key that the dispatcher checked.

    The key's tenants travel in the context (`engine_tenant_ids`), where the record rules of
    the API group read them; without them nothing is visible.
    """
    key_sudo = request.engine_api_key_sudo
    request.engine_api_key_index = key_sudo.key_index
    _check_area(key_sudo, called.scope["route"])
    _check_parameters(called)
    return env(context=dict(env.context, lang=_get_language(env), **key_sudo._get_api_context()))


def _check_area(key_sudo, route):
    areas = key_sudo._get_areas()
    if areas and not areas & {str(tag) for tag in route.tags} and route.tags != ["engine"]:
        raise ApiProblem(403, f"This API key is for {', '.join(sorted(areas))} only.")


def _check_parameters(called):
    """Refuse a parameter of which nothing would come: `limit=5` where it is `page_size`, one of two of a name."""
    known = set(_find_parameters(called.scope["route"].dependant))
    if unknown := sorted(set(called.query_params) - known):
        there_are = ", ".join(sorted(known)) or "none"
        raise ApiProblem(422, f"Unknown parameter: {', '.join(unknown)[:200]}. There are: {there_are}.")
    given = [name for name, _value in called.query_params.multi_items()]
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise ApiProblem(422, f"Given twice: {', '.join(twice)[:200]}.")
    if {"page", "cursor"} <= set(given):
        raise ApiProblem(422, "Give page or cursor, not both.")


def _find_parameters(dependant):
    """Yield the names of the query parameters of a route and of all it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _find_parameters(dependency)


def _get_language(env):
    """Return the language the caller asked for, English otherwise (never the database's own)."""
    accepted, lang = request.httprequest.headers.get("Accept-Language", ""), env.context.get("lang") or "en_US"
    return lang if accepted.lower().startswith(lang[:2]) else "en_US"


def write_env(
    env: Annotated[Environment, Depends(engine_env)],
    _repeatable: Annotated[
        str | None,
        Header(alias="Idempotency-Key", max_length=200, description="The same call again gets the same answer"),
    ] = None,
) -> Environment:
    """Return `engine_env` for routes that change something: refuses read-only keys."""
    if request.engine_api_key_sudo.access != "write":
        raise ApiProblem(403, "This API key may only read. Ask for a key that may write.")
    return env


class Page(NamedTuple):
    offset: int
    limit: int
    cursor: str | None = None


def page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[
        str | None,
        Query(pattern=r"^(start|[1-9][0-9]{0,8})$", description="Instead of `page`: start, then next_cursor"),
    ] = None,
) -> Page:
    """Return the asked page; with a cursor nothing is missed or doubled while records come and go."""
    return Page((page - 1) * page_size, page_size, cursor)


RecordId = Annotated[int, Path(ge=1, le=MAX_INT)]
EngineEnv = Annotated[Environment, Depends(engine_env)]
WriteEnv = Annotated[Environment, Depends(write_env)]
Paging = Annotated[Page, Depends(page)]


def get_visible(env, model, record_id, domain=()):
    """Return the record if this key may see it and it is in the domain, else answer 404, as if it did not exist."""
    record = env[model].search([("id", "=", record_id), *domain])
    if not record:
        raise ApiProblem(404, f"There is no {env[model]._description.lower()} {record_id} here.")
    return record


def of_path(model, name, *, in_tenant=True, domain=()):
    """Return the type of a route's parameter: the record whose id `{name}` of the path is, else 404.

    :param in_tenant: the path has a `{tenant_id}` too, and the record is of that tenant
    :param domain: what else is so of the record
    """
    path_id = Annotated[int, Path(alias=name, ge=1, le=MAX_INT)]

    def find(record_id: path_id, env: EngineEnv):
        return get_visible(env, model, record_id, domain)

    def find_in_tenant(tenant_id: RecordId, record_id: path_id, env: EngineEnv):
        return get_visible(env, model, record_id, [("tenant_id", "=", tenant_id), *domain])

    return Annotated[object, Depends(find_in_tenant if in_tenant else find)]


def list_page(env, model, domain, paging):
    """Return what a page of records answers: `items`, each by `_describe()` of its model, and their `total`."""
    total = env[model].search_count(domain)
    if paging.cursor is None:
        records = env[model].search(domain, offset=paging.offset, limit=paging.limit)
        return {"items": _describe(records), "total": total}
    after = [] if paging.cursor == "start" else [("id", "<", int(paging.cursor))]
    records = env[model].search([*domain, *after], limit=paging.limit + 1, order="id desc")
    following = str(records[paging.limit - 1].id) if len(records) > paging.limit else None
    return {"items": _describe(records[: paging.limit]), "total": total, "next_cursor": following}


def _describe(records):
    """Return `_describe()` of each, read piece by piece; raises 422 when they are too much for one answer."""
    items, size = [], 0
    for piece in split_every(PIECE, records.ids, records.browse):
        items += [record._describe() for record in piece]
        size += sum(len(repr(item)) for item in items[-len(piece) :])
        if size > MAX_ANSWER:
            raise ApiProblem(422, f"page_size: {len(records)} of these are too large for one answer, ask for fewer.")
    return items


def engine_tenant(tenant_id: RecordId, env: EngineEnv):
    """Return the tenant of the path, visible to the key."""
    return get_visible(env, "engine.tenant", tenant_id)


Tenant = Annotated[object, Depends(engine_tenant)]
