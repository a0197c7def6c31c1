"""What Odoo and people call with any number of records is called with 0, 1 and 3 of two companies.

That is every button, compute, inverse, check, scheduled action and list action of our addons. Each may refuse in a
sentence (UserError and its kin) or say by `ensure_one` that it is for one record. Whatever else it raises is a broken
promise: "Expected singleton", a missing attribute, an error of PostgreSQL.
"""

import inspect
import itertools
import traceback
from dataclasses import dataclass

from psycopg2.errors import ForeignKeyViolation, RestrictViolation

from lokario_cli.paths import ADDONS, ROOT
from lokario_testing.environments.loaded import LoadedOdoo

from .generated_records import LOCK_TIMEOUT, ZONES, GeneratedRecords, nothing_leaves
from .stable_sample import stable_sample

SIZES = (0, 1, len(ZONES))
OURS = tuple(f"odoo.addons.{addon}." for addon in ADDONS)
CALLED_BY_ODOO = ("_constrains", "_onchange", "_ondelete", "_depends")
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


def broken_batches(odoo: LoadedOdoo, records: GeneratedRecords, points: int, seed: int) -> list[str]:
    with odoo.env() as env:
        calls = sorted({*methods(env), *actions(env)}, key=str)
    chosen = stable_sample(calls, points, seed)
    found = (_broken(odoo, records, call, size) for call in chosen for size in sizes(call))
    return [broken for broken in found if broken]


def sizes(call: Call):
    """A form calls an onchange with its one record."""
    return (1,) if call.method.startswith("_onchange") else SIZES


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
    by_odoo = any(hasattr(function, mark) for mark in CALLED_BY_ODOO)
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
    owned = env["ir.model.data"].search([("module", "in", list(ADDONS))])
    for cron in env["ir.cron"].browse(owned.filtered(lambda data: data.model == "ir.cron").mapped("res_id")).exists():
        yield Call(cron.model_id.model, f"cron {cron.cron_name}", cron.code)
    ids = owned.filtered(lambda data: data.model == "ir.actions.server").mapped("res_id")
    for action in (
        env["ir.actions.server"]
        .browse(ids)
        .exists()
        .filtered(lambda action: action.state == "code" and action.usage != "ir_cron")
    ):
        yield Call(action.model_id.model, f"action {action.name}", action.code)


def _broken(odoo: LoadedOdoo, generated: GeneratedRecords, call: Call, size: int) -> str | None:
    """What one call breaks, None when it works or refuses in a sentence."""
    from odoo import SUPERUSER_ID, api
    from odoo.exceptions import UserError

    from odoo.addons.queue_job.exception import JobError

    with odoo.registry.cursor() as cr, nothing_leaves():
        cr.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        env = api.Environment(cr, SUPERUSER_ID, {"allowed_company_ids": generated.companies()})
        records = env[call.model].browse(_ids(env, generated, call.model)[:size])
        try:
            _call(records, call)
            env.flush_all()
        except (UserError, JobError, OSError):
            return None
        except (ForeignKeyViolation, RestrictViolation) as error:  # Odoo says in a sentence what refers to the record
            return None if call.method == "unlink" else _line(call, size, error)
        except Exception as error:  # noqa: BLE001  that is what is looked for
            if _says_for_one(error, records):
                return None
            return _line(call, size, error)
        finally:
            cr.rollback()
    return None


def _line(call: Call, size: int, error: Exception) -> str:
    place = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(ROOT))][-1]
    where = f"{place.filename.removeprefix(str(ROOT))[1:]}:{place.lineno}"
    return f"{call} with {size} records: {type(error).__name__}: {str(error).strip()[:300]} ({where})"


def _ids(env, generated: GeneratedRecords, model: str) -> list[int]:
    """Generated records of our models, any of core's."""
    if not env[model]._auto:
        return []
    return generated.ids(model) or env[model].with_context(active_test=False).search([], limit=len(ZONES)).ids


def _call(records, call: Call) -> None:
    from odoo.tools.safe_eval import safe_eval

    if call.source:
        names = {"env": records.env, "model": records.browse(), "records": records, "record": records[:1]}
        safe_eval(call.source, names, mode="exec")
    else:
        getattr(records, call.method)()


def _says_for_one(error: Exception, records) -> bool:
    """Whether our code itself said `ensure_one` of the records it was called with."""
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    for caller, frame in itertools.pairwise(frames):
        if frame.f_code.co_name == "ensure_one" and frame.f_locals.get("self") == records:
            return caller.f_code.co_filename.startswith(str(ROOT))
    return False
