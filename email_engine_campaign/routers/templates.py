"""Message templates: create, list, change, archive, preview."""

from fastapi import APIRouter

from odoo.addons.email_engine_bridge.exceptions import ApiProblem, TemplateRejected
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
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer
from odoo.addons.email_engine_bridge.tools.template_text import check_message

from ..schemas.templates import Preview, Template, TemplateChange, TemplateCreate, TemplatePage, TemplatePreview

router = APIRouter(prefix="/templates", tags=["templates"])


@router.post("", status_code=201, responses=problem_responses(400, 401, 403, 404, 409, 422, 429))
def create_template(body: TemplateCreate, env: WriteEnv) -> Template:
    """Store a template; one that could not be sent is refused with line and column."""
    tenant = get_visible(env, "engine.tenant", body.tenant_id)
    _check_name(env, tenant, body.name)
    if not body.html and not body.mjml:
        raise ApiProblem(422, "Give html or mjml.")
    templates = env["engine.template"]
    return Template(**templates.create(templates._read_body(body.model_dump(exclude_unset=True)))._describe())


Record = of_path("engine.template", "template_id")


@router.get("/{tenant_id:int}/{template_id}", responses=problem_responses(401, 404, 422, 429))
def get_template(template: Record) -> Template:
    """One template."""
    return Template(**template._describe())


@router.patch("/{tenant_id:int}/{template_id}", responses=problem_responses(400, 401, 403, 404, 409, 415, 422, 429))
def change_template(env: WriteEnv, template: Record, body: TemplateChange) -> Template:
    """Change some of a template; campaigns that were started keep the version they began with."""
    if body.name and body.name != template.name:
        _check_name(env, template.tenant_id, body.name)
    template.write(template._read_body(body.model_dump(exclude_unset=True)))
    return Template(**template._describe())


@router.delete("/{tenant_id:int}/{template_id}", status_code=204, responses=problem_responses(401, 403, 404, 422, 429))
def delete_template(_env: WriteEnv, template: Record) -> None:
    """Archive a template; the campaigns that used it stay."""
    template.action_archive()


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
        remarks = check_message(body.subject, body.html, body.text)
    except TemplateRejected as error:
        raise ApiProblem(422, str(error)) from error
    say = env["engine.finding"]._say_error
    return Preview(
        subject=subject, html=html, text=text, missing=renderer.missing, remarks=[say(remark) for remark in remarks]
    )


def _check_name(env, tenant, name):
    if env["engine.template"].search_count([("tenant_id", "=", tenant.id), ("name", "=", name)], limit=1):
        raise ApiProblem(409, f"This tenant has a template named {name!r} already.")
