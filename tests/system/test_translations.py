"""The French translation is complete: every term the addons show has one, where it is shown."""

import polib
import pytest

from lokario_cli.paths import ADDONS, ROOT

SHOWN = ("model:ir.ui.menu,", "model:ir.actions.", "model_terms:")  # Odoo translates these by record, not by term


@pytest.mark.parametrize("addon", ADDONS)
def test_every_term_is_translated_into_french(environment, suite_copy, tmp_path, addon):
    terms = tmp_path / f"{addon}.pot"
    environment.export_terms(suite_copy, addon, terms)
    french = polib.pofile(str(ROOT / addon / "i18n" / "fr.po")).translated_entries()
    translated = {entry.msgid: places(entry) for entry in french}
    missing = [
        entry.msgid
        for entry in polib.pofile(str(terms))
        if entry.msgid not in translated or not places(entry) <= translated[entry.msgid]
    ]
    assert not missing, f"./lokario i18n {addon} merges these: {missing[:20]}"


def places(entry) -> set[str]:
    return {place for place, _line in entry.occurrences if place.startswith(SHOWN)}


@pytest.fixture(scope="module")
def suite_copy(environment, suite_database):
    copy = environment.clone(suite_database, f"{suite_database}_translations")
    yield copy
    environment.drop(copy)
