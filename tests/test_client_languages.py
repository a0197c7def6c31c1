"""What the clients of instances read is there in each of their languages, and in no older wording."""

import polib
import pytest

from lokario_cli.paths import ROOT

LANGUAGES = ("fr", "es", "de")
# Where clients read: parts of the places that a term comes from.
READ_BY_CLIENTS = {
    "saas_manager": (
        "model:mail.template,subject",
        "model:mail.template,body_html",
        "selection__saas_instance_mail__kind",
    ),
    "saas_notification": (
        "model:mail.template,subject",
        "model:mail.template,body_html",
        "saas_notification.preferences_page",
        "selection__saas_preference__",
        "models/saas_preference.py",
        "models/saas_instance_mail.py",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("addon", READ_BY_CLIENTS)
def test_clients_read_their_language(addon, language):
    folder = ROOT / addon / "i18n"
    terms = polib.pofile(str(folder / f"{addon}.pot"))
    translated = {
        entry.msgid: entry.msgstr for entry in polib.pofile(str(folder / f"{language}.po")).translated_entries()
    }
    places = READ_BY_CLIENTS[addon]
    shown = {term.msgid for term in terms if any(place in str(term.occurrences) for place in places)}
    assert shown, "nothing is looked for"
    assert shown - translated.keys() == set(), "missing, or translated from an older wording"
    assert translated.keys() - {term.msgid for term in terms} == set(), "stale"
    values = [(msgid, text) for msgid, text in translated.items() if msgid in shown]
    assert [text for msgid, text in values if text.count("{{") != msgid.count("{{")] == [], "a value is lost"
    assert [text for msgid, text in values if text.count("t-out=") != msgid.count("t-out=")] == [], "a value is lost"
