"""Every role in a real browser: Odoo's own walk through the menus of our apps, then each visible button, in French.

Broken is: an error dialog, an AccessError, an exception that is no sentence for people, an uncaught error of a script,
and a text of ours on the screen that stands there in English though it has a translation.
"""

import json
import re
from dataclasses import dataclass
from functools import cache

import polib

from lokario_cli.console import Failure, say
from lokario_cli.odoo_process import Server
from lokario_cli.paths import ADDONS, ROOT
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.loaded import LoadedOdoo

from .crawl_roles import FRENCH, WINDOW, Crawler, Visit, evaluated
from .stable_sample import stable_sample

PASSWORD = "crawl-password"
SENTENCES = ("UserError", "ValidationError", "RedirectWarning", "MissingError", "CheckIdentityException")
FORM = "form"
WALK_SECONDS = 600  # one application, all menus, views and filters
WATCH = """(() => {
    const walk = (window.lokarioWalk = { pending: 0, errors: [], causes: [] });
    for (const kind of ["error", "unhandledrejection"]) {
        window.addEventListener(kind, (event) => {
            const { cause } = event.error || event.reason || {};
            if (cause) walk.causes.push(cause.stack || String(cause));
        });
    }
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function () {
        walk.pending++;
        this.addEventListener("loadend", () => {
            walk.pending--;
            try {
                const { error } = JSON.parse(this.response);
                if (error) walk.errors.push([error.data?.name || "", error.data?.message || error.message]);
            } catch {}
        });
        return send.apply(this, arguments);
    };
    window.open = () => null;
})()"""
QUIET = """(() => {
    const busy = !window.odoo?.isReady || lokarioWalk.pending || document.querySelector(".o_blockUI");
    lokarioWalk.quiet = busy ? 0 : (lokarioWalk.quiet || 0) + 1;
    return lokarioWalk.quiet > 3 && document.querySelector(".o_action_manager > *, .modal");
})()"""
JUDGED = """(() => {
    const { errors, causes } = window.lokarioWalk ?? { errors: [], causes: [] };
    const dialog = document.querySelector(".o_error_dialog")?.innerText;
    return [errors.splice(0), causes.splice(0), dialog, document.body.innerText];
})()"""
BUTTONS = """[...document.querySelectorAll(".o_action_manager button[name], .o_action_manager a[name][type]")]
    .filter((button) => button.getClientRects().length && !button.disabled)"""
WALKING = "document.querySelector('#stop-clickbot') || localStorage.getItem('running.clickbot')"
START_WALK = "odoo.loader.modules.get('@web/webclient/clickbot/clickbot_loader').startClickEverywhere({app})"


def broken_screens(odoo: LoadedOdoo, records, points: int, seed: int, role: str = "") -> list[str]:
    """Make at most `points` walks (an application as a role), and press the buttons of as many menus."""
    crawler = Crawler(odoo, records, role)
    visits = stable_sample(crawler.visits(), points, seed)
    walks = stable_sample(_applications(odoo, crawler), points, seed, name=lambda walk: str(walk[1:]))
    places = [place for visit in visits for place in _places(odoo, visit)]
    with odoo.env() as env:
        env["res.users"].browse({user for user, _role, _app in walks} | {v.user for v in visits}).password = PASSWORD
    options = {"db_name": odoo.database, "lokario/manager_db": odoo.database, "max_cron_threads": "0"}
    with Server("crawl", odoo.environment.options(**options)) as server:
        broken = set()
        for user in sorted({user for user, _role, _app in walks} | {visit.user for visit in visits}):
            with Screens(server, odoo, user) as screens:
                for _user, role, app in (walk for walk in walks if walk[0] == user):
                    screens.walk(role, app)
                for place in (place for place in places if place.visit.user == user):
                    screens.press_all(place)
                broken |= screens.broken
                say("\n".join([f"      {screens.login}: {screens.pressed} buttons", *sorted(screens.broken)]))
    return sorted(broken)


def _applications(odoo: LoadedOdoo, crawler: Crawler) -> list[tuple[int, str, str]]:
    """(user, role, menu) of each application of ours that a role sees."""
    found = []
    for role, user in sorted({(visit.role, visit.user) for visit in crawler.visits()}):
        with odoo.env() as env:
            menus = env(user=user)["ir.ui.menu"].load_menus(False)
        roots = [menus[child].get("xmlid") or "" for child in menus["root"]["children"]]
        found += [(user, role, xmlid) for xmlid in roots if xmlid.partition(".")[0] in ADDONS]
    return found


@dataclass(frozen=True)
class Place:
    """The action of a menu, or the form of a record that it shows."""

    visit: Visit
    path: str
    model: str
    record: int | None = None

    def __str__(self):
        return f"{self.visit} ({self.path})"

    def is_there(self, odoo: LoadedOdoo) -> bool:
        """Whether its reader still has the record: what somebody pressed before may have ended it."""
        with odoo.env() as env:
            records = env(user=self.visit.user)[self.model].with_context(active_test=False)
            return not self.record or bool(records.search([("id", "=", self.record)], limit=1))


def _places(odoo: LoadedOdoo, visit: Visit) -> list[Place]:
    """The action of a menu, and the form of the first record that it shows."""
    with odoo.env() as env:
        env = env(user=visit.user, context={"lang": FRENCH})
        action = env[WINDOW].sudo().browse(visit.action)._get_action_dict()
        Model = env[action["res_model"]].with_context(**evaluated(env, action.get("context") or {}))
        first = Model.search(evaluated(env, action.get("domain") or []), limit=1)
        places = [Place(visit, f"/odoo/action-{visit.action}", Model._name)]
        if first and FORM in action["view_mode"].split(",") and action["target"] != "new":
            places.append(Place(visit, f"{places[0].path}/{first.id}", Model._name, first.id))
    return places


@cache
def english() -> dict[str, str]:
    """Our texts in English that read otherwise in French, with their addon."""
    found = {}
    for addon in ADDONS:
        for entry in polib.pofile(str(ROOT / addon / "i18n" / "fr.po")):
            if entry.msgstr and entry.msgstr != entry.msgid:
                found.setdefault(entry.msgid.strip(), addon)
    french = {entry.msgstr.strip() for addon in ADDONS for entry in polib.pofile(str(ROOT / addon / "i18n" / "fr.po"))}
    return {text: addon for text, addon in found.items() if text not in french and re.search(r"[a-z] [a-z]", text)}


class Screens:
    """One person's browser."""

    def __init__(self, server: Server, odoo: LoadedOdoo, user: int):
        self.url, self.broken, self.pressed = server.url.replace("127.0.0.1", "localhost"), set(), 0
        self._odoo, self._browser, self._sentences = odoo, Browser(), []  # of refusals, which may stay on the screen
        with odoo.env() as env:
            self.login = env["res.users"].browse(user).login

    def __enter__(self):
        self._browser.__enter__()
        self._browser.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        self._browser.log_in(self.url, self.login, PASSWORD)
        return self

    def __exit__(self, *exc):
        self._browser.__exit__(*exc)

    # === WHAT IS DONE === #

    def walk(self, role: str, app: str) -> None:
        """Odoo's own test of all menus, views and filters."""
        self._browser.open(f"{self.url}/odoo")
        self._settle(f"{role}: {app}")
        self._browser.evaluate(START_WALK.format(app=json.dumps(app)))
        self._browser.wait(WALKING)
        self._browser.wait(f"!({WALKING})", timeout=WALK_SECONDS)
        self._judge(f"{role}: walk through {app}")

    def press_all(self, place: Place) -> None:
        if not place.is_there(self._odoo):
            return
        self._open(str(place), place.path)
        names = self._browser.evaluate(f"[...new Set({BUTTONS}.map((button) => button.name))]")
        for number, name in enumerate(names):
            if number and not place.is_there(self._odoo):
                return
            if number:
                self._open(str(place), place.path)
            self._press(f"{place}: {name}", name)

    def _open(self, where: str, path: str) -> None:
        self._sentences.clear()
        self._browser.open(f"{self.url}{path}")
        self._settle(where)

    def _press(self, where: str, name: str) -> None:
        found = f"{BUTTONS}.find((button) => button.name === {json.dumps(name)})"
        if not self._browser.evaluate(f"((button) => button ? (button.click(), true) : false)({found})"):
            return  # an earlier press has changed the record
        self.pressed += 1
        self._settle(where)
        confirmed = "document.querySelector('.modal .o_confirmation_dialog .btn-primary, .modal-footer .btn-primary')"
        if self._browser.evaluate(f"((button) => button ? (button.click(), true) : false)({confirmed})"):
            self._settle(where)

    # === WHAT IT SHOWS === #

    def _settle(self, where: str) -> None:
        try:
            self._browser.wait(QUIET)
        except Failure as error:
            self.broken.add(f"{where}: {str(error)[:300]}")
        self._judge(where)

    def _judge(self, where: str) -> None:
        errors, causes, shown, text = self._browser.evaluate(JUDGED)
        for name, message in errors:
            if message and name.rpartition(".")[2] in SENTENCES:
                self._sentences.append(message.strip())
            else:
                self.broken.add(f"{where}: {name}: {message[:300]}")
        if shown and not any(sentence in shown for sentence in self._sentences):
            self.broken.add(f"{where}: {shown[:300]}")  # the same window shows both
        for line in {line.strip() for line in text.splitlines()} & english().keys():
            self.broken.add(f"{where}: in English: {line[:200]} ({english()[line]})")
        self.broken |= {f"{where}: {error[:400]}" for error in (*self._browser.errors, *causes)}
        self._browser.errors.clear()
