"""Keeps what opens something out of every log line, the access log's included: the secret of the scheduled endpoints,
tokens in the query (sign-up, reset, undo) and tokens that outside parties can only send in the path.

Here and not in lokario_base: the gate answers unknown hosts before any database, and thus any addon, is loaded.
"""

import logging
import re

SECRET_IN_URL = re.compile(
    r"""((?:\?|&|%26|%3F)(?:\w*_)?(?:secret|token)(?:=|%3D))[^&\s"'#]*"""
    r"""|(/)[A-Za-z0-9_-]{32,}(?=[/?.\s"'#]|$)""",  # shaped like a token: 160 bits and more
    re.IGNORECASE,
)


class UrlSecretFilter(logging.Filter):
    """Blanks secrets and tokens of URLs in log records."""

    def filter(self, record):
        record.msg = blank(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(blank, record.args))
        elif isinstance(record.args, dict):
            record.args = {key: blank(value) for key, value in record.args.items()}
        return True


def blank(value):
    """Return a text without the secrets of the URLs in it; anything else as it is."""
    return SECRET_IN_URL.sub(r"\1\2***", value) if isinstance(value, str) else value


def install():
    """Filter what the HTTP server and Odoo's HTTP layer log."""
    for name in ("werkzeug", "odoo.http", "odoo.addons.base.models.ir_http", "gevent.pywsgi"):
        logger = logging.getLogger(name)
        if not any(isinstance(present, UrlSecretFilter) for present in logger.filters):
            logger.addFilter(UrlSecretFilter())
