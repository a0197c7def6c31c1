"""Settings that live outside of every database."""

import os
from configparser import ConfigParser
from functools import lru_cache

from odoo.tools import config

SECTION = "lokario"


def server_setting(name: str) -> str:
    """Return the setting ``name`` (in capitals) from the environment, else from odoo.conf (in small letters, in its
    section [lokario], or [options] if Odoo has no such option); empty when nowhere."""
    option = name.lower()
    unknown_to_odoo = None if option in config.options_index else config.get(option)
    return os.environ.get(name) or _section(config["config"]).get(option) or unknown_to_odoo or ""


@lru_cache(maxsize=1)
def _section(path: str | None) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.read(path or ())
    return dict(parser[SECTION]) if parser.has_section(SECTION) else {}
