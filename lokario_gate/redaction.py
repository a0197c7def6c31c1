"""Keeps the secret of the scheduled endpoints out of every log line, the access log's included.

Here and not in lokario_base: the gate answers unknown hosts before any database, and thus any addon, is loaded.
"""

import logging
import re

SECRET_IN_URL = re.compile(r"((?:\?|&|%26|%3F)secret(?:=|%3D))[^&\s\"'#]*", re.IGNORECASE)


class UrlSecretFilter(logging.Filter):
    """Blanks the value of ``?secret=`` in log records."""

    def filter(self, record):
        record.msg = blank(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(map(blank, record.args))
        elif isinstance(record.args, dict):
            record.args = {key: blank(value) for key, value in record.args.items()}
        return True


def blank(value):
    """Return a text without the secrets of the URLs in it; anything else as it is."""
    return SECRET_IN_URL.sub(r"\1***", value) if isinstance(value, str) and "secret" in value.lower() else value


def install():
    """Filter what the HTTP server and Odoo's HTTP layer log."""
    for name in ("werkzeug", "odoo.http", "odoo.addons.base.models.ir_http", "gevent.pywsgi"):
        logger = logging.getLogger(name)
        if not any(isinstance(present, UrlSecretFilter) for present in logger.filters):
            logger.addFilter(UrlSecretFilter())
