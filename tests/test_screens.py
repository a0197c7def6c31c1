"""What screens say: the documents call menus and buttons by their names; no word of a view is dropped."""

import re
from xml.etree import ElementTree

import pytest

from lokario_cli.paths import ADDONS, ROOT
from lokario_cli.setup import odoo_source

ODOO = ("base", "mail", "account", "sale", "crm", "project")
PATH = re.compile(r"(?<![*\w])\*(?! )([^*\n`]+[›→][^*`]+)\*(?!\*)")
FOREIGN = {"Advanced › Headers", "Servers → Delivery servers"}  # of cron-job.org and MailWizz


@pytest.fixture(scope="module")
def labels():
    """What screens say: (English, French)."""
    files = [ROOT / addon / "i18n" / "fr.po" for addon in ADDONS]
    folders = [odoo_source.home() / "odoo" / "addons", odoo_source.home() / "addons"]
    files += [folder / addon / "i18n" / "fr.po" for folder in folders for addon in ODOO]
    text = "\n".join(path.read_text() for path in files if path.exists()).lower()
    return [set(re.findall(rf'^{name} "(.+)"$', text, re.MULTILINE)) for name in ("msgid", "msgstr")]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_document_calls_a_screen_is_its_name(labels, page):
    known = labels[page.parent.name == "fr"]
    named = {" ".join(found.split()) for found in PATH.findall(page.read_text())} - FOREIGN
    assert not [path for path in named for part in re.split("[›→]", path) if part.strip().lower() not in known]


@pytest.mark.parametrize("addon", ADDONS)
def test_the_words_of_a_setting_stand_in_an_element(addon):
    """Odoo drops those that stand beside the field: “0” was seen where “0 days” was written."""
    settings = [
        setting for path in (ROOT / addon).glob("views/*.xml") for setting in ElementTree.parse(path).iter("setting")
    ]
    bare = [(setting.get("id"), text) for setting in settings for text in [setting.text, *(it.tail for it in setting)]]
    assert not [found for found in bare if (found[1] or "").strip()]
