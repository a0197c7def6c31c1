"""Export an addon's terms, merge its French translation, say what is missing."""

HELP = "export the .pot of an addon, merge its fr.po and list what is not translated"
NEEDS = {"python"}
HEADERS = {
    "Language": "fr",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n > 1);",
}


def configure(parser):
    parser.add_argument("addons", nargs="+")


def run(args):
    from lokario_cli.console import say
    from lokario_cli.setup.postgres import Cluster

    from ..environments.databases import Databases

    missing = 0
    with Cluster.for_tests() as cluster:
        environment = Databases(cluster)
        template = environment.template()
        for addon in args.addons:
            untranslated = refresh(environment, template, addon)
            missing += len(untranslated)
            say(f"{addon}: {len(untranslated)} without a French translation")
            for entry in untranslated:
                say(f"  {entry.msgid!r}")
    return 1 if missing else 0


def refresh(environment, template: str, addon: str) -> list:
    """Write i18n/<addon>.pot and i18n/fr.po; return the entries of fr.po that have no translation."""
    import os

    import polib

    from lokario_cli.paths import ROOT

    database = environment.clone(template, f"i18n_{addon}_{os.getpid()}")
    try:
        environment.run_odoo(database, "-i", addon, "--stop-after-init")
        folder = ROOT / addon / "i18n"
        folder.mkdir(exist_ok=True)
        pot_file = folder / f"{addon}.pot"
        environment.export_terms(database, [addon], folder)
    finally:
        environment.drop(database)
    french = merged_french(folder / "fr.po", polib.pofile(str(pot_file)))
    return [entry for entry in french if not entry.translated()]


def merged_french(file, pot):
    """Merge the terms into fr.po; words that Odoo itself translates (“Created by”) are filled in from there."""
    import polib

    french = polib.pofile(str(file)) if file.exists() else polib.POFile(wrapwidth=110)
    french.metadata = HEADERS
    french.merge(pot)
    for entry in french.obsolete_entries():
        french.remove(entry)
    known = odoo_translations()
    for entry in french:
        if not entry.translated() and entry.msgid in known:
            entry.msgstr = known[entry.msgid]
    french.save(str(file))
    return french


def odoo_translations() -> dict[str, str]:
    import polib

    from lokario_cli.setup import odoo_source

    addons = odoo_source.home() / "odoo" / "addons"
    files = [addons / name / "i18n" / "fr.po" for name in ("base", "web", "mail")]
    return {entry.msgid: entry.msgstr for file in files if file.exists() for entry in polib.pofile(str(file))}
