"""What the clients of instances read is there in each of their languages, and in no older wording."""

import polib
import pytest

from lokario_cli.paths import ROOT
from lokario_gate import pages

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
        "saas_notification.preferences_",
        "saas_notification.portal_",
        "selection__saas_preference__",
        "models/saas_preference.py",
        "models/saas_instance_mail.py",
    ),
    "saas_notification_sms": (
        "model:sms.template,body",
        "selection__saas_preference__",
        "models/saas_preference.py",
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


def test_the_gate_speaks_its_visitors_language():
    spoken = {language for texts in pages.TEXTS.values() for language in texts} | pages.CONTACT.keys()
    assert spoken == {"en", *LANGUAGES}
    assert all(texts.keys() == spoken for texts in pages.TEXTS.values())
    for accepted, expected in (
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("es", "es"),
        ("fr-CH, en;q=0.9", "fr"),
        ("en-US,fr;q=0.5", "en"),
        ("it,de;q=0.5", "de"),
        ("nl-desktop", "en"),
        ("", "en"),
    ):
        assert pages.language({"HTTP_ACCEPT_LANGUAGE": accepted}) == expected, accepted
