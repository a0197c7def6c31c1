"""Plain Python without models; commands and scripts import it without a running Odoo, too.

Some of these modules need tools of `lokario_base`. Odoo finds that addon on its path; without a path, or without Odoo,
it is taken from beside this addon, as an empty package: its tools are plain Python as well.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_GROUND_FLOOR = str(Path(__file__).resolve().parents[2] / "lokario_base")

for _name, _path in (("odoo", []), ("odoo.addons", []), ("odoo.addons.lokario_base", [_GROUND_FLOOR])):
    if _name not in sys.modules and find_spec(_name) is None:
        sys.modules[_name] = ModuleType(_name)
        sys.modules[_name].__path__ = _path
