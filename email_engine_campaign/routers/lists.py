"""Contact lists: create, list, change, archive."""

from fastapi import APIRouter

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    Tenant,
    WriteEnv,
    get_visible,
    list_page,
    of_path,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses

from ..schemas.lists import ContactList, ContactListChange, ContactListCreate, ContactListPage

router = APIRouter(prefix="/lists", tags=["contacts"])
WRITE_PROBLEMS = problem_responses(400, 401, 403, 404, 409, 415, 422, 429)


Record = of_path("engine.contact.list", "list_id")


@router.post("", status_code=201, responses=WRITE_PROBLEMS)
def create_list(body: ContactListCreate, env: WriteEnv) -> ContactList:
    """Make a list; its description is shown on the preferences page."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    _check_name(env, tenant, body.name)
    return ContactList(**env["engine.contact.list"].create(body.model_dump())._describe())


@router.get("/{tenant_id}", responses=problem_responses(401, 404, 422, 429))
def list_lists(tenant: Tenant, env: EngineEnv, paging: Paging) -> ContactListPage:
    """The lists of a tenant."""
    return ContactListPage(**list_page(env, "engine.contact.list", [("tenant_id", "=", tenant.id)], paging))


@router.patch("/{tenant_id}/{list_id}", responses=WRITE_PROBLEMS)
def change_list(env: WriteEnv, contact_list: Record, body: ContactListChange) -> ContactList:
    """Change the name or the description of a list."""
    if body.name and body.name != contact_list.name:
        _check_name(env, contact_list.tenant_id, body.name)
    contact_list.write(body.model_dump(exclude_unset=True))
    return ContactList(**contact_list._describe())


@router.delete("/{tenant_id}/{list_id}", status_code=204, responses=problem_responses(401, 403, 404, 422, 429))
def delete_list(_env: WriteEnv, contact_list: Record) -> None:
    """Archive a list; its contacts stay."""
    contact_list.action_archive()


def _check_name(env, tenant, name):
    lists = env["engine.contact.list"].with_context(active_test=False)
    if lists.search_count([("tenant_id", "=", tenant.id), ("name", "=", name)], limit=1):
        raise ApiProblem(409, f"This tenant has a list named {name!r} already.")
