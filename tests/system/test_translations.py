"""The French translation is complete: every term the addons show has one, where it is shown.

Optional addons look after theirs in their own tests.
"""

import ast
import re

import polib
import pytest

from lokario_cli.paths import ROOT, SUITE

SHOWN = ("model:ir.ui.menu,", "model:ir.actions.", "model_terms:")  # Odoo translates these by record, not by term


@pytest.mark.parametrize("addon", SUITE)
def test_every_term_is_translated_into_french(terms, addon):
    french = polib.pofile(str(ROOT / addon / "i18n" / "fr.po")).translated_entries()
    translated = {entry.msgid: places(entry) for entry in french}
    missing = [
        entry.msgid
        for entry in polib.pofile(str(terms / f"{addon}.pot"))
        if entry.msgid not in translated or not places(entry) <= translated[entry.msgid]
    ]
    assert not missing, f"./lokario i18n {addon} merges these: {missing[:20]}"


@pytest.mark.parametrize("addon", SUITE)
def test_odoo_finds_every_sentence_of_the_code(addon):
    """Its extraction misses what stands in an f-string, and stumbles over brackets among the values."""
    known = {entry.msgid for entry in polib.pofile(str(ROOT / addon / "i18n" / f"{addon}.pot"))}
    said = [call.args[0] for path in sources(addon) for call in translated(path)]
    assert not [text.value for text in said if isinstance(text, ast.Constant) and text.value not in known]


@pytest.mark.parametrize("addon", SUITE)
def test_numbers_and_days_in_a_sentence_are_written_as_its_language_does(addon):
    """`2026-11-30` and `99.5%` are not French: format_date, format_datetime, formatLang, format_percent say it."""
    values = [value for path in sources(addon) for call in translated(path) for value in call.args[1:] + call.keywords]
    assert not [ast.unparse(value) for value in values if is_raw(getattr(value, "value", value))]


def is_raw(value) -> bool:
    if isinstance(value, ast.JoinedStr):
        return any(getattr(part, "format_spec", None) for part in value.values)
    name = getattr(value, "attr", "") or getattr(getattr(value, "slice", None), "value", "")
    return bool(re.search(r"(^|_)(date|day|at|until|ed_on)$", str(name)))


def sources(addon):
    return [path for path in (ROOT / addon).rglob("*.py") if not {"tests", "migrations"} & set(path.parts)]


def translated(path):
    """The calls of `_`, `env._` and `_lt` in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    return [call for call in calls if (getattr(call.func, "id", "") or getattr(call.func, "attr", "")) in {"_", "_lt"}]


NOT_FRENCH = f"""
SELECT f.model || '.' || f.name || ': ' || (s.name->>'en_US') FROM ir_model_fields_selection s
  JOIN ir_model_fields f ON f.id = s.field_id
  JOIN ir_model_data d ON d.model = 'ir.model.fields.selection' AND d.res_id = s.id AND d.module IN {SUITE}
 WHERE s.name->>'fr_FR' IS NULL
"""


def test_the_words_of_selections_that_models_inherit_are_french(environment, suite_copy):
    """Odoo translates them in the addon that names them, and only what exists when that one is installed."""
    assert not environment.cluster.psql(NOT_FRENCH, suite_copy)


def places(entry) -> set[str]:
    return {place for place, _line in entry.occurrences if place.startswith(SHOWN)}


@pytest.fixture(scope="module")
def suite_copy(environment, suite_database):
    copy = environment.clone(suite_database, f"{suite_database}_translations")
    yield copy
    environment.drop(copy)


@pytest.fixture(scope="module")
def terms(environment, suite_copy, tmp_path_factory):
    """A folder with the terms of each addon: one Odoo writes them all."""
    folder = tmp_path_factory.mktemp("terms")
    environment.export_terms(suite_copy, SUITE, folder)
    return folder
