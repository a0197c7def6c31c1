"""Every role opens every menu that it sees, in every view type, and presses every visible button; all is rolled back.

Broken is: an AccessError behind what the role sees, anything that is no sentence (UserError and its kin), and a
sentence that a French person reads in English.
"""

import contextlib
import traceback
from dataclasses import dataclass

from lxml import etree

from lokario_cli.paths import ADDONS, ROOT
from lokario_testing.environments.loaded import LoadedOdoo

from .generated_records import LOCK_TIMEOUT, GeneratedRecords, nothing_leaves
from .stable_sample import stable_sample

RECORDS_SHOWN = 2
FRENCH, ENGLISH = "fr_FR", "en_US"
WINDOW = "ir.actions.act_window"
GROUPED = ("pivot", "graph", "cohort")


@dataclass(frozen=True)
class Visit:
    """One menu of one role."""

    role: str
    user: int
    menu: str
    action: int

    def __str__(self):
        return f"{self.role}: {self.menu}"


def broken_roles(odoo: LoadedOdoo, records: GeneratedRecords, points: int, seed: int, role: str = "") -> list[str]:
    crawler = Crawler(odoo, records, role)
    for visit in stable_sample(crawler.visits(), points, seed):
        crawler.visit(visit)
    return sorted(crawler.broken)


class Crawler:
    def __init__(self, odoo: LoadedOdoo, records: GeneratedRecords, role: str = ""):
        """`role`: a part of the names of the only groups that come."""
        self.odoo, self.companies, self.role, self.broken = odoo, records.companies(), role, set()

    # === WHO AND WHERE === #

    def visits(self) -> list[Visit]:
        return [visit for role, user in self._make_roles() for visit in self._menus(role, user)]

    def _make_roles(self) -> list[tuple[str, int]]:
        """A user of both companies for each group of our addons, one with ordinary rights alone; none administers."""
        with self.odoo.env() as env:
            owned = env["ir.model.data"].search([("module", "in", list(ADDONS)), ("model", "=", "res.groups")])
            groups = {data.complete_name: env["res.groups"].browse(data.res_id) for data in owned}
            groups["base.group_user"] = env.ref("base.group_user")
            come = sorted(name for name in groups if self.role in name)
            return [(name, self._make_user(env, name, groups[name]).id) for name in come]

    def _make_user(self, env, name, group):
        values = {
            "name": name,
            "login": f"{name}@crawl.test",
            "email": f"{name}@crawl.test",
            "lang": FRENCH,
            "company_id": self.companies[0],
            "company_ids": [(6, 0, self.companies)],
            "group_ids": [(6, 0, (group | env.ref("base.group_user")).ids)],
        }
        users = env["res.users"].with_context(no_reset_password=True)
        return users.search([("login", "=", values["login"])]) or users.create(values)

    def _menus(self, role: str, user: int) -> list[Visit]:
        with self.odoo.env() as env:
            shown = env(user=user)["ir.ui.menu"].load_menus(False)
        windows = {
            (menu["name"], menu["action_id"])
            for menu in shown.values()
            if menu.get("action_model") == WINDOW and menu["action_id"]
        }
        return [Visit(role, user, name, action) for name, action in sorted(windows)]

    # === A MENU === #

    def visit(self, visit: Visit) -> None:
        with self._as(visit) as env:
            action = env[WINDOW].sudo().browse(visit.action)._get_action_dict()
        self._tried(visit, f"action of {action['res_model']}", lambda env: open_window(env, action))
        for kind in ("form", "list", "kanban"):
            if kind in action["view_mode"].split(","):
                self._press_all(visit, action, kind)

    def _press_all(self, visit: Visit, action: dict, kind: str) -> None:
        model, pressed = action["res_model"], []
        self._tried(visit, f"{kind} of {model}", lambda env: pressed.extend(buttons(env, action, kind)))
        for record, *button in sorted(set(pressed)):
            what = f"{model}({record}).{button[1]}"
            self._tried(visit, what, lambda env, given=(record, *button): press(env, model, *given))

    # === WHAT IT SAYS === #

    @contextlib.contextmanager
    def _as(self, visit: Visit, lang: str = FRENCH):
        from odoo import api

        with self.odoo.registry.cursor() as cr:
            try:
                cr.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
                yield api.Environment(cr, visit.user, {"lang": lang, "allowed_company_ids": self.companies})
            finally:
                cr.rollback()

    def _tried(self, visit: Visit, what: str, step) -> None:
        """Note what a step breaks; a sentence in French is looked at in English, too."""
        said = self._sentence(visit, step, FRENCH)
        if isinstance(said, str) and said and said == self._sentence(visit, step, ENGLISH):
            self.broken.add(f"{visit}: {what}: not in French: {said[:200]}")
        if isinstance(said, Exception):
            frames = [f for f in traceback.extract_tb(said.__traceback__) if str(ROOT) in f.filename]
            place = frames and f" ({frames[-1].filename.removeprefix(str(ROOT))[1:]}:{frames[-1].lineno})"
            self.broken.add(f"{visit}: {what}: {type(said).__name__}: {str(said).strip()[:200]}{place}")

    def _sentence(self, visit: Visit, step, lang: str):
        """The sentence that refuses the step, "" when nothing does, the exception when it is none."""
        from odoo.exceptions import AccessError, UserError

        try:
            with self._as(visit, lang) as env, nothing_leaves():
                step(env)
                env.flush_all()
        except AccessError as error:
            return error
        except UserError as error:
            return str(error)
        except OSError:
            return ""  # what it reaches out to is not there
        except Exception as error:  # noqa: BLE001  that is what is looked for
            return error
        return ""


def open_window(env, action: dict) -> None:
    """What the web client asks for to draw an action in each of its view types, with its default filters."""
    context = evaluated(env, action.get("context") or {})
    Model = env[action["res_model"]].with_context(**context)
    domain = evaluated(env, action.get("domain") or [])
    views = dict((kind, view) for view, kind in action.get("views") or [(False, "form")])
    search = Model.get_view((action.get("search_view_id") or [None])[0], "search")["arch"]
    filters, groups = default_filters(env, search, context)
    for kind, view in views.items():
        arch = etree.fromstring(Model.get_view(view or None, kind)["arch"])
        names = [node.get("name") for node in arch.iter("field") if not in_subview(node, arch)]
        names = [name for name in dict.fromkeys(names) if name in Model._fields]
        if kind == "form" and not action.get("res_id") and Model.has_access("create"):
            Model.onchange({}, [], {name: {} for name in names})
        rows = Model.browse(action["res_id"]) if action.get("res_id") else Model.search(domain, limit=RECORDS_SHOWN)
        rows.web_read({name: {} for name in names})
        if kind in GROUPED:
            Model.formatted_read_group(domain, groupings(Model, names)[:2], ["__count"])
    for wanted in filters:
        Model.search(domain + wanted, limit=RECORDS_SHOWN)
    for group in groups:
        Model.formatted_read_group(domain, [group], ["__count"])


def groupings(Model, names: list[str]) -> list[str]:
    known = Model.fields_get(names, ["groupable", "type"])
    dated = {name: ":month" for name in names if known[name]["type"] in ("date", "datetime")}
    return [name + dated.get(name, "") for name in names if known[name].get("groupable")]


def evaluated(env, given):
    """A domain or context as the web client evaluates it."""
    from odoo.fields import Date
    from odoo.tools import safe_eval

    if not isinstance(given, str):
        return given
    today = Date.context_today(env.user)
    names = {
        "uid": env.uid,
        "context": env.context,
        "active_id": env.context.get("active_id", False),
        "active_ids": env.context.get("active_ids", []),
        "allowed_company_ids": env.companies.ids,
        "context_today": lambda: today,
        "current_date": str(today),
        "datetime": safe_eval.datetime,
        "time": safe_eval.time,
        "relativedelta": safe_eval.dateutil.relativedelta.relativedelta,
    }
    return safe_eval.safe_eval(given.strip() or "[]", names)


def default_filters(env, search: str, context: dict):
    """Domains and groupings of the filters that an action switches on."""
    domains, groups = [], []
    for node in etree.fromstring(search).iter("filter"):
        if context.get(f"search_default_{node.get('name')}"):
            if node.get("domain"):
                domains.append(evaluated(env, node.get("domain")))
            group = evaluated(env, node.get("context") or "{}").get("group_by")
            groups += [group] if group else []
    return domains, groups


def in_subview(node, arch) -> bool:
    return any(above.tag == "field" for above in node.iterancestors() if above is not arch)


def buttons(env, action: dict, kind: str) -> list[tuple[int, str, str]]:
    """(record's id, type, name) of each button that a view shows for the first records, Duplicate included."""
    view = dict((kind, view) for view, kind in action.get("views") or []).get(kind)
    context = evaluated(env, action.get("context") or {})
    Model = env[action["res_model"]].with_context(**context)
    arch = etree.fromstring(Model.get_view(view or None, kind)["arch"])
    records = Model.search(evaluated(env, action.get("domain") or []), limit=RECORDS_SHOWN)
    ours = kind == "form" and Model._original_module in ADDONS and Model.has_access("create")
    wanted = ours and not {arch.get("create"), arch.get("duplicate")} & {"0", "false", "False"}
    return [(record.id, "object", "copy") for record in records if wanted] + [
        (record.id, node.get("type"), node.get("name"))
        for node in arch.xpath("//button[@type='object' or @type='action'] | //a[@type='object' or @type='action']")
        for record in records
        if not in_subview(node, arch)
        and not any(is_hidden(env, record, above) for above in (node, *node.iterancestors()))
    ]


def is_hidden(env, record, node) -> bool:
    """By what stands in the form; a kanban's own conditions are those of its buttons' methods."""
    from odoo.tools.safe_eval import safe_eval

    expression = node.get("invisible") or node.get("column_invisible")
    if not expression:
        return False
    values = {name: plain(record[name]) for name in record._fields if name in expression}
    try:
        return bool(safe_eval(expression, {**values, "context": dict(record.env.context), "uid": env.uid}))
    except (ValueError, NameError):  # it looks at a parent that is not there
        return True


def plain(value):
    """A value as expressions of views see it."""
    if not hasattr(value, "_fields"):
        return value
    return value.ids if len(value) != 1 else value.id


def press(env, model: str, record: int, kind: str, name: str) -> None:
    """Press a button, and open the window that it answers with."""
    if kind == "action":
        action = env["ir.actions.actions"].sudo().browse(int(name))
        answer = env[action.type].sudo().browse(action.id)._get_action_dict()
    else:
        answer = getattr(env[model].browse(record), name)()
    if isinstance(answer, dict) and answer.get("type") == WINDOW:
        given = {"active_id": record, "active_ids": [record], "active_model": model}
        open_window(env(context={**env.context, **given}), answer)
