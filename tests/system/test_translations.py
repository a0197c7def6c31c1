"""The French translation is complete: every term the addons show has one, where it is shown.

Optional addons look after theirs in their own tests.
"""

import ast

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
    files = [path for path in (ROOT / addon).rglob("*.py") if not {"tests", "migrations"} & set(path.parts)]
    assert not [text for path in files for text in sentences(path) if text not in known]


def sentences(path):
    """What a file hands to `_`, `env._` or `_lt`."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and node.args]
    for call in calls:
        name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
        if name in {"_", "_lt"} and isinstance(call.args[0], ast.Constant):
            yield call.args[0].value


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
