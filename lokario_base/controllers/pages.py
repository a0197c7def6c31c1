from odoo.http import request


def render_form(template: str, values: dict, status: int = 200):
    """Answer with a page that has a form for strangers: their session is kept, so that its CSRF token holds."""
    request.session.touch()
    response = request.render(template, {"disable_database_manager": True, **values})
    response.status_code = status
    return response
