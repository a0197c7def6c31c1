"""Settings that live outside of every database."""

import os

from odoo.tools import config

SECTION = "lokario"


def server_setting(name: str) -> str:
    """Return the setting ``name`` (upper case) from the environment, else from section [lokario] of odoo.conf in lower
    case, else from its section [options]; empty when it is nowhere."""
    option = name.lower()
    return os.environ.get(name) or config.misc.get(SECTION, {}).get(option) or config.get(option) or ""
