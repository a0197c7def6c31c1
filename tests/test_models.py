"""How a model is written: one class in one file, its state moved by `_set_<state>()` alone."""

import ast
import collections
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Grows until it names every addon.
ORDERED = (
    *("email_engine_bridge", "email_engine_campaign"),
    "lokario_account",
    "lokario_base",
    "lokario_billing_ai",
    "lokario_billing_calendar",
    "lokario_billing_inbox",
    "lokario_billing_project",
    "lokario_contact",
    "lokario_reminder",
    "lokario_reminder_account",
    "lokario_reminder_calendar",
    "lokario_reminder_project",
    "report_chromium",
)
MODEL_BASES = {"Model", "AbstractModel", "TransientModel"}


def model_files(addon):
    return [
        path
        for folder in ("models", "wizards")
        for path in sorted((ROOT / addon / folder).glob("*.py"))
        if path.name != "__init__.py"
    ]


def model_names(path):
    """Names of the models whose classes stand in a file: `_name`, else what they extend."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and any(getattr(base, "attr", "") in MODEL_BASES for base in node.bases):
            values = {
                target.id: ast.literal_eval(item.value)
                for item in node.body
                if isinstance(item, ast.Assign)
                for target in item.targets
                if getattr(target, "id", "") in ("_name", "_inherit")
            }
            inherited = values.get("_inherit")
            yield values.get("_name") or (inherited if isinstance(inherited, str) else inherited[0])


@pytest.mark.parametrize("addon", ORDERED)
def test_a_model_is_one_class_of_its_addon(addon):
    count = collections.Counter(name for path in model_files(addon) for name in model_names(path))
    assert not [name for name, classes in count.items() if classes > 1]


@pytest.mark.parametrize("addon", ORDERED)
def test_a_file_of_models_has_a_model(addon):
    assert not [path.name for path in model_files(addon) if not list(model_names(path))]


class StateWrites(ast.NodeVisitor):
    """Lines that write `state` outside of `_set_<state>()`."""

    def __init__(self):
        self.inside, self.lines = [], []

    def visit_FunctionDef(self, node):
        self.inside.append(node.name.startswith("_set_"))
        self.generic_visit(node)
        self.inside.pop()

    def visit_Call(self, node):
        first = node.args[0] if node.args else None
        if getattr(node.func, "attr", "") in ("write", "update") and isinstance(first, ast.Dict):
            self._found(node, any(getattr(key, "value", "") == "state" for key in first.keys))
        self.generic_visit(node)

    def visit_Assign(self, node):
        self._found(node, any(getattr(target, "attr", "") == "state" for target in node.targets))
        self.generic_visit(node)

    def _found(self, node, is_state):
        if is_state and not any(self.inside):
            self.lines.append(node.lineno)


@pytest.mark.parametrize("addon", ORDERED)
def test_state_is_written_by_its_methods_alone(addon):
    found = {}
    for path in model_files(addon):
        visitor = StateWrites()
        visitor.visit(ast.parse(path.read_text()))
        found[path.name] = visitor.lines
    assert not {name: lines for name, lines in found.items() if lines}
