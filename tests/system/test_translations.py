"""The French translation is complete: every term the addons show has one."""

import polib
import pytest

from lokario_cli.paths import ADDONS, ROOT


@pytest.mark.parametrize("addon", ADDONS)
def test_every_term_is_translated_into_french(environment, suite_copy, tmp_path, addon):
    terms = tmp_path / f"{addon}.pot"
    environment.export_terms(suite_copy, addon, terms)
    translated = {entry.msgid for entry in polib.pofile(str(ROOT / addon / "i18n" / "fr.po")).translated_entries()}
    missing = [entry.msgid for entry in polib.pofile(str(terms)) if entry.msgid not in translated]
    assert not missing, f"./lokario i18n {addon} merges these: {missing[:20]}"


@pytest.fixture(scope="module")
def suite_copy(environment, suite_database):
    copy = environment.clone(suite_database, f"{suite_database}_translations")
    yield copy
    environment.drop(copy)
