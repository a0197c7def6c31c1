from odoo.http import request


def render_form(template: str, values: dict, status: int = 200):
    """Answer with a page that has a form for strangers.

    Their session is no file: its number alone, which the cookie has, makes the form's CSRF token hold.
    """
    response = request.render(template, {"disable_database_manager": True, **values})
    response.status_code = status
    return response
