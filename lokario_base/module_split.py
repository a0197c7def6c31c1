"""Records whose addon changed: a new addon takes over what an old one declared; nothing is deleted and made again.

Used by an addon that was cut out of another one::

    # hooks.py                                   # __manifest__.py
    def take_over_records(env):                  "pre_init_hook": "take_over_records",
        take_over(env, "lokario_contact", "lokario_base")
    def keep_edited_records(env):                "post_init_hook": "keep_edited_records",
        restore_kept(env)

On an empty database both do nothing. How Odoo orders an upgrade: odoo/modules/loading.py, ``load_module_graph``.
"""

import csv

from lxml import etree
from odoo.models import MetaModel
from odoo.modules.module import Manifest
from odoo.tools import file_open
from odoo.tools.sql import table_exists
from psycopg2 import sql

KEPT = "kept_"  # prefix of the temporary tables
DATA_TAGS = ("record", "template", "menuitem", "asset")
NAMING_A_MODEL = (  # columns that hold the name of a model
    ("ir_model", "model"),
    ("ir_model_fields", "model"),
    ("ir_model_fields", "relation"),
    ("ir_attachment", "res_model"),
    ("ir_ui_view", "model"),
    ("ir_act_window", "res_model"),
    ("ir_filters", "model_id"),
    ("mail_message", "model"),
)
# The constraint of an index has the name of the index.
RENAMES = """
SELECT format('ALTER TABLE %%I RENAME CONSTRAINT %%I TO %%I', %(old)s, conname, replace(conname, %(old)s, %(new)s))
  FROM pg_constraint
 WHERE conrelid = %(old)s::regclass AND contype NOT IN ('p', 'u', 'x') AND starts_with(conname, %(old)s)
 UNION ALL
SELECT format('ALTER TABLE %%I RENAME TO %%I', relname, replace(relname, %(old)s, %(new)s))
  FROM pg_class
 WHERE relkind IN ('r', 'i', 'S') AND relname ~ ('^' || %(old)s || '(_|$)')
"""
NAMED = "name ~ ('(^|_)' || %(old)s || '(_|$)')"
PARENT_SUFFIX = "_ir_actions_server"  # Odoo names the server action of a cron after the cron


def take_over(env, addon: str, former: str) -> None:
    """Give ``addon`` every external id of ``former`` that it declares itself: models, fields, selection values, data.

    Rows that users may have edited (``noupdate``) are set aside: an installation would write them anew.
    """
    names = _moved_names(addon, former)
    patterns = [pattern for model in _models(addon) for pattern in _reflection_patterns(model)]
    env.cr.execute(
        """
        UPDATE ir_model_data taken SET module = %s
         WHERE module = %s AND (name = ANY(%s) OR name LIKE ANY(%s))
           AND NOT EXISTS (SELECT FROM ir_model_data own WHERE own.module = %s AND own.name = taken.name)
        RETURNING model, res_id, noupdate
        """,
        [addon, former, [*names, *(name + PARENT_SUFFIX for name in names)], patterns, addon],
    )
    taken = env.cr.fetchall()
    views = [res_id for model, res_id, _noupdate in taken if model == "ir.ui.view"]
    env.cr.execute(
        "UPDATE ir_ui_view SET key = regexp_replace(key, %s, %s) WHERE id = ANY(%s)",
        [rf"^{former}\.", f"{addon}.", views],
    )
    _keep(env, [(model, res_id) for model, res_id, noupdate in taken if noupdate])
    env.invalidate_all()
    env.registry.clear_all_caches()


def move_parameters(env, moved: dict[str, str]) -> None:
    """Give system parameters ({former key: key}) the names of the new addon; one that has a value already keeps it."""
    for former, key in moved.items():
        env.cr.execute(
            """
            UPDATE ir_config_parameter SET key = %s
             WHERE key = %s AND NOT EXISTS (SELECT FROM ir_config_parameter WHERE key = %s)
            """,
            [key, former, key],
        )
    env.invalidate_all()
    env.registry.clear_all_caches()


def rename_model(cr, former: str, model: str) -> None:
    """Give a model another name: its table and what belongs to it, and the rows of Odoo that name it."""
    names = {"old": former.replace(".", "_"), "new": model.replace(".", "_"), "former": former, "model": model}
    if table_exists(cr, names["old"]):
        cr.execute(RENAMES, names)
        for (statement,) in cr.fetchall():
            cr.execute(statement)
        for table, column in NAMING_A_MODEL:
            cr.execute(f"UPDATE {table} SET {column} = %(model)s WHERE {column} = %(former)s", names)  # noqa: S608
        for table in ("ir_model_data", "ir_model_constraint"):
            cr.execute(f"UPDATE {table} SET name = replace(name, %(old)s, %(new)s) WHERE {NAMED}", names)  # noqa: S608


def restore_kept(env) -> None:
    """Write back the rows that ``take_over`` set aside."""
    env.flush_all()
    env.cr.execute(
        r"SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r' AND relname LIKE %s",
        [KEPT.replace("_", r"\_") + "%"],
    )
    for (kept,) in env.cr.fetchall():
        table = kept.removeprefix(KEPT)
        listed = sql.SQL(", ").join(map(sql.Identifier, _common_columns(env.cr, table, kept)))
        env.cr.execute(
            sql.SQL("UPDATE {table} t SET ({columns}) = (SELECT {columns} FROM {kept} k WHERE k.id = t.id) "
                    "WHERE id IN (SELECT id FROM {kept})").format(
                table=sql.Identifier(table), kept=sql.Identifier(kept), columns=listed
            )
        )  # fmt: skip
        env.cr.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(kept)))
    env.invalidate_all()


def _common_columns(cr, table: str, kept: str) -> list[str]:
    cr.execute(
        """
        SELECT column_name FROM information_schema.columns
         WHERE table_name IN (%s, %s) AND column_name != 'id' GROUP BY column_name HAVING count(*) = 2
        """,
        [table, kept],
    )
    return [column for (column,) in cr.fetchall()]


def _keep(env, rows: list[tuple[str, int]]) -> None:
    for model in {model for model, _res_id in rows} & set(env.registry):
        table = env[model]._table
        env.cr.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT * FROM {} WHERE id = ANY(%s)").format(
                sql.Identifier(KEPT + table), sql.Identifier(table)
            ),
            [[res_id for other, res_id in rows if other == model]],
        )


def _models(addon: str) -> set[str]:
    """Names of the models that the addon's own code defines (not those that it extends)."""
    return {model._name for model in MetaModel._module_to_models__[addon] if model._name not in model._inherit}


def _reflection_patterns(model: str) -> list[str]:
    name = model.replace(".", "_").replace("_", r"\_")
    return [rf"model\_{name}", rf"field\_{name}\_\_%", rf"selection\_\_{name}\_\_%"]


def _moved_names(addon: str, former: str) -> set[str]:
    """External ids that the addon declares and its former one does not any more: the same name may be used by both."""
    return _data_names(addon) - _data_names(former)


def _data_names(addon: str) -> set[str]:
    """External ids that the addon's data files declare, without its own prefix; none when it is not on this server."""
    manifest = Manifest.for_addon(addon, display_warning=False)
    files = [*manifest["data"], *manifest["demo"]] if manifest else []
    ids = {name for path in files for name in _names_in_file(f"{addon}/{path}")}
    own = {name.removeprefix(f"{addon}.") for name in ids}
    return {name for name in own if "." not in name}


def _names_in_file(path: str) -> list[str]:
    if path.endswith(".csv"):
        with file_open(path) as lines:
            return [row["id"] for row in csv.DictReader(lines)]
    if path.endswith(".xml"):
        with file_open(path, "rb") as document:
            return [element.get("id") for element in etree.parse(document).iter(*DATA_TAGS) if element.get("id")]
    return []


def install_successor(env, addon: str, former: str) -> None:
    """Mark ``addon`` to be installed in this upgrade: for a pre-migration of ``former``, which does not depend on it.

    Its views are its own from now on: until it is loaded, Odoo leaves out views whose fields have no model yet.
    """
    env["ir.module.module"].search([("name", "=", addon), ("state", "=", "uninstalled")]).button_install()
    env.flush_all()
    env.cr.execute(
        "UPDATE ir_model_data SET module = %s WHERE module = %s AND model = 'ir.ui.view' AND name = ANY(%s)",
        [addon, former, sorted(_moved_names(addon, former))],
    )
