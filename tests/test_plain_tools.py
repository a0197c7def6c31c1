"""The engine's tools are plain Python: scripts use them without a path of Odoo, by any package name."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = """
import importlib, sys, types
package = types.ModuleType("mine")
package.__path__ = [sys.argv[1]]
sys.modules["mine"] = package
renderer = importlib.import_module("mine.tools.template_renderer").TemplateRenderer()
print(renderer.render("Hi {{ name }}", {"name": "Jean"}))
importlib.import_module("mine.tools.template_renderer").shared_sandbox().close()
"""


def test_a_template_renders_without_odoo():
    command = [sys.executable, "-c", SCRIPT, str(ROOT / "email_engine_bridge")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout == "Hi Jean\n", done.stderr
