"""Message templates: create, list, preview."""

from fastapi import APIRouter

from odoo.addons.email_engine_bridge.exceptions import ApiProblem, TemplateRejected
from odoo.addons.email_engine_bridge.routers.dependencies import (
    EngineEnv,
    Paging,
    Tenant,
    WriteEnv,
    get_visible,
    list_page,
)
from odoo.addons.email_engine_bridge.schemas.problem import problem_responses
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer

from ..schemas.templates import Preview, Template, TemplateCreate, TemplatePage, TemplatePreview

router = APIRouter(prefix="/templates", tags=["templates"])


@router.post("", status_code=201, responses=problem_responses(400, 401, 403, 404, 409, 422, 429))
def create_template(body: TemplateCreate, env: WriteEnv) -> Template:
    """Store a template; one that could not be sent is refused with line and column."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    if env["engine.template"].search_count([("tenant_id", "=", tenant.id), ("name", "=", body.name)]):
        raise ApiProblem(409, f"This tenant has a template named {body.name!r} already.")
    return Template(**env["engine.template"].create(body.model_dump())._describe())


@router.get("/{tenant_id:int}", responses=problem_responses(401, 404, 422, 429))
def list_templates(tenant: Tenant, env: EngineEnv, paging: Paging) -> TemplatePage:
    """The templates of a tenant."""
    return TemplatePage(**list_page(env, "engine.template", [("tenant_id", "=", tenant.id)], paging))


@router.post("/preview", responses=problem_responses(400, 401, 403, 422, 429))
def preview_template(body: TemplatePreview, env: WriteEnv) -> Preview:
    """Render with sample data; nothing is stored."""
    renderer = TemplateRenderer()
    try:
        subject, html, text = renderer.preview(body.subject, body.html, body.text, body.sample)
    except TemplateRejected as error:
        raise ApiProblem(422, str(error)) from error
    return Preview(subject=subject, html=html, text=text, missing=renderer.missing)
