"""Intent, act and record are separate transactions: each of them is a step that stands once it is done."""

from odoo.addons.lokario_base.tools.transaction import retrying


def run_step(env, act):
    """Call `act()` in a transaction of its own, again when it lost a race; return what it returns."""

    def step():
        try:
            result = act()
            env.cr.commit()  # pylint: disable=invalid-commit  # what follows may be interrupted for ever
        except BaseException:
            env.cr.rollback()
            raise
        return result

    return retrying(step)
