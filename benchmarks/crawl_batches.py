"""What Odoo and people call with any number of records is called with 0, 1 and 3 of two companies.

That is every button, compute, inverse, check, scheduled action and list action of our addons. Each may refuse in a
sentence (UserError and its kin) or say by `ensure_one` that it is for one record. Whatever else it raises is a broken
promise: "Expected singleton", a missing attribute, an error of PostgreSQL.
"""

import inspect
import random
import socket
from dataclasses import dataclass
from unittest.mock import patch

from .crawl_world import OURS, RECORDS, CrawlWorld

SIZES = (0, 1, RECORDS)
LOCK_TIMEOUT = "3s"
# Methods that end the process or the database they are called in, each with its reason.
EXEMPT: dict[str, str] = {}


@dataclass(frozen=True)
class Call:
    model: str
    method: str
    source: str = ""
    """Code of a scheduled or list action, instead of a method."""

    def __str__(self):
        return f"{self.model}.{self.method}"


def broken_batches(environment: CrawlWorld, points: int, seed: int) -> list[str]:
    with environment.env() as env:
        calls = sorted({*methods(env), *actions(env)}, key=str)
    chosen = calls if points >= len(calls) else random.Random(seed).sample(calls, points)
    return [broken for call in chosen for size in SIZES if (broken := _broken(environment, call, size))]


def methods(env):
    """What is defined in our addons, takes a recordset alone and is called by Odoo or by people."""
    for name in env.registry:
        model = env[name]
        if model._abstract:
            continue
        for attribute in {key for cls in type(model).__mro__ if _is_ours(cls) for key in vars(cls)}:
            function = getattr(type(model), attribute)
            if inspect.isfunction(function) and _is_called(model, attribute) and _takes_records_alone(model, function):
                yield Call(name, attribute)


def _is_ours(cls) -> bool:
    return f"{cls.__module__}.".startswith(OURS)


def _is_called(model, attribute: str) -> bool:
    """By people (public), or by Odoo for any number of records."""
    if not attribute.startswith("_"):
        return f"{model._name}.{attribute}" not in EXEMPT
    function = getattr(type(model), attribute)
    by_odoo = any(hasattr(function, mark) for mark in ("_constrains", "_onchange", "_ondelete", "_depends"))
    by_field = any(attribute in (field.compute, field.inverse) for field in model._fields.values())
    return by_odoo or by_field or attribute.startswith(("_cron_", "_compute_", "_inverse_"))


def _takes_records_alone(model, function) -> bool:
    if getattr(function, "_api_model", False):
        return False
    try:
        inspect.signature(function).bind(model)
    except TypeError:
        return False
    return "self" in inspect.signature(function).parameters


def actions(env):
    """Scheduled actions and the list actions of our addons, by the code that they run."""
    from lokario_cli.paths import ADDONS

    owned = env["ir.model.data"].search([("module", "in", list(ADDONS))])
    for cron in env["ir.cron"].browse(owned.filtered(lambda data: data.model == "ir.cron").mapped("res_id")).exists():
        yield Call(cron.model_id.model, f"cron {cron.cron_name}", cron.code)
    ids = owned.filtered(lambda data: data.model == "ir.actions.server").mapped("res_id")
    for action in env["ir.actions.server"].browse(ids).exists().filtered(lambda action: action.state == "code"):
        yield Call(action.model_id.model, f"action {action.name}", action.code)


def _broken(environment: CrawlWorld, call: Call, size: int) -> str | None:
    """What one call breaks, None when it works or refuses in a sentence."""
    from odoo.exceptions import UserError

    from odoo.addons.queue_job.exception import JobError

    with environment.registry.cursor() as cr, patch.object(socket.socket, "connect", _refuse_connection):
        try:
            _call(environment, cr, call, size)
            cr.flush()
        except (UserError, JobError, OSError):
            return None
        except Exception as error:  # noqa: BLE001  that is what is looked for
            if "Expected singleton" in str(error) and _is_for_one(environment, call):
                return None
            return f"{call} with {size} records: {type(error).__name__}: {str(error).strip()[:300]}"
        finally:
            cr.rollback()
    return None


def _call(environment: CrawlWorld, cr, call: Call, size: int) -> None:
    from odoo import SUPERUSER_ID, api
    from odoo.tools.safe_eval import safe_eval

    cr.execute("SET LOCAL lock_timeout = %s", [LOCK_TIMEOUT])
    env = api.Environment(cr, SUPERUSER_ID, {"allowed_company_ids": environment.companies})
    records = env[call.model].with_context(active_test=False).search([], limit=size) if size else env[call.model]
    if call.source:
        names = {"env": env, "model": env[call.model], "records": records, "record": records[:1]}
        safe_eval(call.source, names, mode="exec")
    else:
        getattr(records, call.method)()


def _is_for_one(environment: CrawlWorld, call: Call) -> bool:
    if call.source:
        return False
    return "ensure_one()" in inspect.getsource(inspect.unwrap(getattr(environment.registry[call.model], call.method)))


def _refuse_connection(self, address):
    """Nothing generated may leave this machine, nor wait for another."""
    raise ConnectionRefusedError(f"{address} is not there")
