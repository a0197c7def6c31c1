"""The arrows of docs/architecture.md hold, and no form that Odoo 19 ignores or refuses comes back."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from lokario_cli.paths import ADDONS
from lokario_cli.setup import odoo_source, venv
from lokario_testing.verbs.lint import known_by_table

ROOT = Path(__file__).parent.parent
# What of the suite an addon stands on, directly or not: the picture of docs/architecture.md.
BILLING = {"lokario_base", "lokario_mailbox", "report_chromium"}
ARROWS = {
    "lokario_base": set(),
    "report_chromium": set(),
    "lokario_account": {"lokario_base"},
    "lokario_contact": {"lokario_base"},
    "lokario_contact_crm": {"lokario_base", "lokario_contact"},
    "lokario_contact_project": {"lokario_base", "lokario_contact"},
    "saas_manager": {"lokario_base"},
    "saas_manager_webhook": {"lokario_base", "saas_manager"},
    "saas_notification": {"lokario_base", "saas_manager"},
    "saas_notification_account": {"lokario_base", "saas_manager", "saas_notification"},
    "saas_notification_sms": {"lokario_base", "saas_manager", "saas_notification"},
    "email_engine_bridge": {"lokario_base"},
    "email_engine_campaign": {"email_engine_bridge", "lokario_base"},
    "email_engine_mass_mailing": {"email_engine_campaign", "email_engine_bridge", "lokario_base"},
    "lokario_mailbox": {"lokario_base"},
    "lokario_inbox": {"lokario_base", "lokario_mailbox"},
    "lokario_inbox_ai": {"lokario_base", "lokario_mailbox", "lokario_inbox"},
    "lokario_billing": BILLING,
    "lokario_billing_inbox": {*BILLING, "lokario_billing", "lokario_inbox"},
    "lokario_billing_ai": {*BILLING, "lokario_billing", "lokario_inbox", "lokario_inbox_ai"},
    "lokario_billing_project": {*BILLING, "lokario_billing"},
    "lokario_billing_sms": {*BILLING, "lokario_billing"},
    "lokario_billing_calendar": {*BILLING, "lokario_billing"},
    "lokario_reminder": {"lokario_base"},
    "lokario_reminder_account": {"lokario_base", "lokario_reminder"},
    "lokario_reminder_project": {"lokario_base", "lokario_reminder"},
    "lokario_reminder_calendar": {"lokario_base", "lokario_reminder"},
}
SUITE = {*ADDONS, "lokario_gate"}
TEST_PACKAGES = ("lokario_testing", "benchmarks")

# a class with a table that its addon defines, not one that it extends
OWN_TABLE = re.compile(
    r"^class \w+\(models\.(Transient)?Model\):\n(?:(?!^class )(.*\n))*?"
    r'    _name = "([\w.]+)"\n(?!    _inherit = .*"\3")',
    re.M,
)
FORBIDDEN_PYTHON = {
    r"_sql_constraints\b": "models.Constraint",
    r"type=['\"]json['\"]": "type='jsonrpc'",
    r"\bodoo\.osv\b": "odoo.fields.Domain",
    r"\bdef name_get\b": "_compute_display_name",
    r"\bdef create\(self, vals\)": "@api.model_create_multi",
    r"\bself\._(cr|uid)\b": "self.env",
    r"\bgroups_id\b": "group_ids",
    r"\bread_group\(": "_read_group or formatted_read_group",
    r"\bshell=True\b": "an argument list",
    r"\bverify=False\b": "verified certificates",
}
ALLOWED = re.compile(r"_read_group\(|formatted_read_group\(|read_progress_bar\(")
FORBIDDEN_XML = {
    r"<tree\b": "<list>",
    r"\btree,": "list,",
    r"oe_chatter": "<chatter/>",
    r"kanban-box": 't-name="card"',
    r"\battrs=": "invisible=, readonly=, required=",
    r"\bstates=\"": "invisible=",
    r"\bnumbercall\b": "nothing",
    r"<group expand": "<group>",
    r"groups_id": "group_ids",
}


def manifest(addon):
    return ast.literal_eval((ROOT / addon / "__manifest__.py").read_text())


def reachable(addon):
    """The addon and all of the suite it depends on, directly or not."""
    found, waiting = set(), [addon]
    while waiting:
        current = waiting.pop()
        if current in SUITE and current not in found:
            found.add(current)
            waiting += manifest(current)["depends"]
    return found


def sources(addon, suffix="py"):
    return sorted(path for path in (ROOT / addon).rglob(f"*.{suffix}") if "node_modules" not in path.parts)


def imported_modules(path):
    """Absolute dotted names a file imports; relative imports are resolved against its package."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(filter(None, [base, node.module]))
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def test_addons_depend_on_each_other_in_one_direction():
    assert set(ADDONS) == set(ARROWS), "an addon without arrows"
    for addon in ADDONS:
        assert reachable(addon) - {addon} == ARROWS[addon], addon
        for other in reachable(addon) - {addon}:
            assert addon not in reachable(other), f"{addon} and {other} depend on each other"


@pytest.mark.parametrize("addon", ADDONS)
def test_imports_follow_the_arrows(addon):
    allowed = reachable(addon) | {"lokario_gate"}  # which stands under all of them and imports none
    for path in sources(addon):
        for name in imported_modules(path):
            named = name.removeprefix("odoo.addons.").split(".")[0]
            assert named not in SUITE - allowed, f"{path} imports {name}"
            barred = ("lokario_cli", "benchmarks") if "tests" in path.parts else (*TEST_PACKAGES, "lokario_cli")
            assert not name.startswith(barred), f"{path} imports {name}"


@pytest.mark.parametrize("addon", ADDONS)
def test_tools_know_neither_models_nor_controllers(addon):
    forbidden = re.compile(
        rf"^(odoo\.addons\.)?{addon}\.(models|controllers|routers|wizards)\b|^odoo\.(models|api|http)\b"
    )
    for path in sources(addon):
        if "tools" in path.relative_to(ROOT / addon).parts[:1]:
            for name in imported_modules(path):
                assert not forbidden.match(name), f"{path} imports {name}"


@pytest.mark.parametrize("addon", ADDONS)
def test_no_outdated_form(addon):
    for suffix, table in (("py", FORBIDDEN_PYTHON), ("xml", FORBIDDEN_XML)):
        for path in sources(addon, suffix):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for pattern, better in table.items():
                    if re.search(pattern, ALLOWED.sub("", line)):
                        pytest.fail(f"{path}:{number} uses {pattern}: Odoo 19 wants {better}")


@pytest.mark.parametrize("addon", ADDONS)
def test_manifest(addon):
    data = manifest(addon)
    assert data["license"] == "LGPL-3"
    assert re.fullmatch(r"19\.0\.\d+\.\d+\.\d+", data["version"])
    assert data["author"]
    assert data["website"]
    for name in data.get("data", []) + data.get("demo", []):
        assert (ROOT / addon / name).is_file(), f"{addon}/{name} is missing"
    assert (ROOT / addon / "tests").is_dir()
    own_tables = any(OWN_TABLE.search(path.read_text()) for path in sources(addon) if "tests" not in path.parts)
    assert (ROOT / addon / "security").is_dir() or not own_tables


def third_party(paths):
    """Distributions that these files import."""
    names = {name.partition(".")[0] for path in paths for name in imported_names(path)}
    known = importlib.metadata.packages_distributions()
    return {canonical(known[name][0]) for name in names - sys.stdlib_module_names if name in known} - {"odoo"}


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def canonical(distribution):
    return re.sub(r"[-_.]+", "-", distribution).lower().removesuffix("-binary")


@pytest.fixture(scope="module")
def framework_packages():
    """What Odoo's framework imports itself: there is no Odoo without it."""
    folder = odoo_source.home() / "odoo"
    return third_party(path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] != "addons")


@pytest.mark.parametrize("addon", ADDONS)
def test_the_manifest_names_the_python_packages_that_the_addon_imports(addon, framework_packages):
    own = [path for path in sources(addon) if path.relative_to(ROOT / addon).parts[0] not in ("tests", "migrations")]
    named = {canonical(name) for name in manifest(addon).get("external_dependencies", {}).get("python", [])}
    assert named >= third_party(own) - framework_packages, "not named"
    assert named <= third_party(own), "named but not imported"


@pytest.mark.parametrize("addon", ADDONS)
def test_every_test_module_is_run(addon):
    listed = (ROOT / addon / "tests" / "__init__.py").read_text()
    own = set(re.findall(r"^from \. import (\w+)$", listed, re.MULTILINE))  # another addon's may have the same name
    for path in (ROOT / addon / "tests").glob("test_*.py"):
        assert path.stem in own, f"{path} is never imported, so it never runs"


CHECKED_BY_THEMSELVES = re.compile(r"^(?:mail\.mail|(?:lokario|inbox|mailbox|engine|saas)\..*)$")


def creates_as_superuser(tree):
    """Yield (line, core model) of each `create` on what `env["model"].sudo()` gave, with the caller's defaults."""
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        named = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named[node.targets[0].id] = ast.unparse(node.value)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "create":
                receiver = ast.unparse(node.func.value)
                model = re.fullmatch(r".*env\['([\w.]+)'\]\.sudo\(\)", named.get(receiver, receiver))
                if model and not CHECKED_BY_THEMSELVES.match(model[1]):
                    yield node.lineno, model[1]


def test_what_the_program_makes_takes_no_default_of_its_caller():
    """See lokario_base/tools/caller.py."""
    assert list(creates_as_superuser(ast.parse("def f(self):\n    self.env['res.partner'].sudo().create({})")))
    for addon in ADDONS:
        for path in (ROOT / addon).rglob("*.py"):
            if "tests" not in path.parts and "migrations" not in path.parts:
                assert list(creates_as_superuser(ast.parse(path.read_text()))) == [], path


def test_python_dependencies_are_pinned():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        assert not line or line.startswith("#") or re.match(r"[\w.\-\[\]]+==\S+", line), f"not pinned: {line}"


def test_the_lock_is_that_of_the_requirements():
    """What is missing is written by `./lokario lint --lock`; nothing in it has a known vulnerability."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = {re.sub(r"[-_.]+", "-", line).lower() for line in lines if line and not line.startswith("#")}
    locked = venv.locked()
    versions = {re.sub(r"[-_.]+", "-", block.split()[0]).lower() for _name, block in locked}
    assert {re.sub(r"\[.*\]", "", line) for line in wanted} - versions == set(), "run ./lokario lint --lock"
    assert all("--hash=sha256:" in block for _name, block in locked)
    assert known_by_table(locked) == []
    assert known_by_table([("Jinja2", "jinja2==3.1.5 \\")]), "the table is read"


def test_modules_that_come_by_themselves_find_their_libraries():
    """A missing one makes Odoo refuse what pulls it in: without phonenumbers no French client installs Invoicing."""
    for path in (odoo_source.home() / "odoo" / "addons").glob("*/__manifest__.py"):
        manifest = ast.literal_eval(path.read_text())
        for library in manifest.get("external_dependencies", {}).get("python", []):
            if manifest.get("auto_install"):
                assert importlib.metadata.version(re.match(r"[\w.-]+", library)[0]), f"{path.parent.name}: {library}"


def test_no_group_is_repeated_possessively():
    """Python up to 3.11.4, Debian 12's own, misreads `(?:a|b)*+`; `(?>(?:a|b)*)` says the same, and is understood."""
    possessive = re.compile(r"""\b(?:r|rb|br|rf|fr)["'].*\)(?:[*+?]|\{\d*,?\d*\})\+""")
    assert possessive.search('re.compile(r"(?:a|b)' + '*+")')
    for addon in (*ADDONS, "lokario_gate", "lokario_host", "lokario_cli", "lokario_testing"):
        for path in sources(addon):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                assert not possessive.search(line), f"{path}:{number}"
