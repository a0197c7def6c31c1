"""What Odoo's client of its services raises, and what that says about the request."""

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


def may_have_left(error: Exception) -> bool:
    """Whether the service may have got the request that failed with ``error``: not when nobody was reached at all."""
    cause = error.__context__
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    return not isinstance(reason, (NewConnectionError, ConnectTimeoutError))
