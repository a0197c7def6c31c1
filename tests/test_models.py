"""How a model is written: one class in one file, its state moved by `_set_<state>()` alone."""

import ast
import collections
from pathlib import Path

import pytest

from lokario_cli.paths import ADDONS

ROOT = Path(__file__).parent.parent
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


@pytest.mark.parametrize("addon", ADDONS)
def test_a_model_is_one_class_of_its_addon(addon):
    count = collections.Counter(name for path in model_files(addon) for name in model_names(path))
    assert not [name for name, classes in count.items() if classes > 1]


@pytest.mark.parametrize("addon", ADDONS)
def test_a_file_of_models_has_a_model(addon):
    assert not [path.name for path in model_files(addon) if not list(model_names(path))]


# States of Odoo's own models, which have no such method.
OF_ODOO = {"lokario_billing/models/mail_mail.py", "lokario_mailbox/models/inbox_integration.py"}


class StateWrites(ast.NodeVisitor):
    """Lines that write `state` outside of `_set_<state>()`; a computed state is assigned by its `_compute_` method."""

    def __init__(self):
        self.inside, self.lines = [], []

    def visit_FunctionDef(self, node):
        self.inside.append(node.name.startswith(("_set_", "_compute_")))
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


@pytest.mark.parametrize("addon", ADDONS)
def test_state_is_written_by_its_methods_alone(addon):
    found = {}
    for path in model_files(addon):
        visitor = StateWrites()
        visitor.visit(ast.parse(path.read_text()))
        found[str(path.relative_to(ROOT))] = visitor.lines
    assert not {name: lines for name, lines in found.items() if lines and name not in OF_ODOO}


# Where an object is asked what it is, which no hook with a default could answer.
ASKS_WHAT_IT_IS = {
    "lokario_base/fields.py": "whether a model has the mixin that its field needs",
    "lokario_base/models/access_mixin.py": "whether another model of the registry is one of ours",
    "lokario_base/tools/private_page.py": "whether a parameter is an uploaded file",
    "lokario_inbox/tools/invitation.py": "which properties an iCalendar component has",
}


@pytest.mark.parametrize("addon", ADDONS)
def test_hooks_are_methods_with_a_default(addon):
    files = {path: "hasattr(" in path.read_text() for path in (ROOT / addon).rglob("*.py") if "tests" not in path.parts}
    assert {str(path.relative_to(ROOT)) for path, asks in files.items() if asks} <= set(ASKS_WHAT_IT_IS)


def class_values(node):
    """{name: its value's node} of what a class assigns at its top."""
    return {target.id: item.value for item in node.body if isinstance(item, ast.Assign)
            for target in item.targets if isinstance(target, ast.Name)}  # fmt: skip


@pytest.mark.parametrize("addon", ADDONS)
def test_who_is_named_by_a_choice_shows_its_words(addon):
    """Odoo's display name of such a record is the key of the choice, in English, wherever others refer to it."""
    found = []
    for path in model_files(addon):
        for node in ast.walk(ast.parse(path.read_text())):
            values = class_values(node) if isinstance(node, ast.ClassDef) else {}
            named = values.get("_rec_name") and values.get(ast.literal_eval(values["_rec_name"]))
            kind = getattr(getattr(named, "func", None), "attr", "")
            if kind == "Selection" and "lokario.choice.name.mixin" not in ast.literal_eval(values["_inherit"]):
                found.append(path.name)
    assert not found
