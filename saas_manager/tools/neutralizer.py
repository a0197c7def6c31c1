"""Odoo's neutralization, one module at a time.

Odoo concatenates the `neutralize.sql` files of all modules: one broken file and nothing at all is
neutralized. Here each file has its own savepoint, all failures are told, and the caller decides.
"""

import dataclasses

import psycopg2
from odoo.modules.neutralize import get_neutralization_queries

from ..exceptions import NotClean


@dataclasses.dataclass(frozen=True)
class Failure:
    """The `neutralize.sql` of ``module`` did not run."""

    module: str
    error: str


def installed_modules(connection):
    """Names of the modules that have code or data in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM ir_module_module WHERE state IN ('installed', 'to upgrade', 'to remove') ORDER BY name"
        )
        return [name for (name,) in cursor.fetchall()]


def neutralize(connection):
    """Run the `neutralize.sql` of every installed module; return the list of :class:`Failure`."""
    failures = []
    with connection.cursor() as cursor:
        for module in installed_modules(connection):
            for query in get_neutralization_queries([module]):
                error = _run_alone(cursor, query)
                if error:
                    failures.append(Failure(module, error))
    return failures


def _run_alone(cursor, query):
    cursor.execute("SAVEPOINT neutralize_module")
    try:
        cursor.execute(query)
    except psycopg2.Error as err:
        cursor.execute("ROLLBACK TO SAVEPOINT neutralize_module")
        return str(err).strip()
    cursor.execute("RELEASE SAVEPOINT neutralize_module")
    return None


def verify(connection):
    """Prove that the copy can do nothing on its own; raise :class:`NotClean` naming what it can."""
    queries = {
        "neutralization flag": "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM ir_config_parameter"
        " WHERE key = 'database.is_neutralized' AND value = 'true')",
        "active scheduled actions": "SELECT 1 FROM ir_cron WHERE active AND id NOT IN (SELECT res_id"
        " FROM ir_model_data WHERE model = 'ir.cron' AND module = 'base' AND name = 'autovacuum_job')",
        "active mail servers": "SELECT 1 FROM ir_mail_server WHERE active AND smtp_host <> 'invalid'",
    }
    left = []
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query)
            left += [name] if cursor.fetchone() else []
    if left:
        raise NotClean(", ".join(left))
