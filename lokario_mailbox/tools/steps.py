"""Intent, act and record are separate transactions: each of them is a step that stands once it is done."""

from odoo import modules
from odoo.tools import config

from odoo.addons.lokario_base.tools.transaction import retrying


def is_real(env):
    """Whether the transaction is a real one: a test's own, on the database under test, is never ended."""
    return not modules.module.current_test or env.cr.dbname not in config["db_name"]


def may_commit(env):
    return is_real(env) or bool(env.context.get("ir_cron_progress_id"))


def commit(env):
    """End a step: what follows may be interrupted for ever."""
    if may_commit(env):
        env.cr.commit()  # pylint: disable=invalid-commit  # intent, act and record are separate transactions
    else:
        env.flush_all()


def rollback(env):
    if may_commit(env):
        env.cr.rollback()


def run_step(env, act):
    """Call `act()` in a transaction of its own, again when it lost a race; return what it returns."""

    def step():
        try:
            result = act()
            commit(env)
        except BaseException:
            rollback(env)
            raise
        return result

    return retrying(step)
