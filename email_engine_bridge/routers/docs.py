"""The documentation of the API as one page that needs no internet."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ..tools.api_page import render_page

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
def show_documentation(request: Request):
    """Show every operation with its parameters, body and answers."""
    return HTMLResponse(render_page(request.app.openapi(), str(request.base_url).rstrip("/")))
