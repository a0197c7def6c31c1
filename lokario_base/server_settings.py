"""Settings that live outside of every database."""

import os
from configparser import ConfigParser
from functools import lru_cache

from odoo.tools import config

SECTION = "lokario"


def server_setting(name: str) -> str:
    """Return the setting ``name`` (in capitals) from the environment, else from odoo.conf (in small letters, in its
    section [lokario] or [options]); empty when it is nowhere."""
    option = name.lower()
    return os.environ.get(name) or _section(config["config"]).get(option) or config.get(option) or ""


@lru_cache(maxsize=1)
def _section(path: str | None) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.read(path or ())
    return dict(parser[SECTION]) if parser.has_section(SECTION) else {}
