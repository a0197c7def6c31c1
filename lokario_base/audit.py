"""One line in the server's log for each act on accounts, rights and secrets: who, what, on what, from where."""

import logging

from odoo.http import request

_logger = logging.getLogger("lokario.audit")


def audit(env, act: str, records) -> None:
    """Log that the acting user did ``act`` to ``records``. Numbers only: a name in a log outlives its account."""
    address = request.httprequest.remote_addr if request else "the server"
    _logger.info("%s: %s %s by user #%s from %s", act, records._name, records.ids, env.uid, address)
