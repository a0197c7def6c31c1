"""Pages behind a link that opens something: a token in the address, buttons that change things.

A route asks for the protection by its routing parameter; `models/ir_http.py` applies it::

    @http.route("/users/deletion/undo", type="http", auth="public", private_page=True)
"""

HEADERS = {
    "Cache-Control": "no-store",  # neither proxies nor the browser's history keep it
    "Referrer-Policy": "no-referrer",  # the address, and the token in it, goes to no other site
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",  # no other site's page lures to its buttons
    "X-Robots-Tag": "noindex, nofollow",
}


MAX_BODY = 64 * 1024  # bytes of a form on such a page


def text_parameters(parameters: dict) -> dict:
    """Return the parameters that are texts, without the NUL that PostgreSQL refuses; uploaded files are left out."""
    texts = {name: value for name, value in parameters.items() if not hasattr(value, "stream")}
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in texts.items()}
