"""Asking again who sits in front of the screen, before a button shows or replaces a secret."""

from functools import wraps

from odoo.http import request

from odoo.addons.base.models.res_users import check_identity


def confirm_identity(method):
    """Decorate an action that creates, shows or sends a secret: a browser session confirms its identity again.

    Core's `check_identity` refuses every call without a request and answers API calls with a window. A call that brings
    its password (XML-RPC) or key (JSON-2), and code without a request, have no session that a user could have left
    open: they are guarded by the rights that the method checks.
    """
    guarded = check_identity(method)

    @wraps(guarded)
    def wrapped(self, *args, **kwargs):
        by_session = bool(request) and bool(request.session.uid)
        return (guarded if by_session else method)(self, *args, **kwargs)

    wrapped.__has_check_identity = True
    return wrapped
