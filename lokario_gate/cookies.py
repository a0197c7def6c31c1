"""Cookies under HTTPS: for this site alone, and never over a connection that others can read."""

from odoo.tools import config

SET_COOKIE = "set-cookie"


def is_https(environ: dict) -> bool:
    """Whether the visitor's connection is encrypted; behind a proxy as the proxy says."""
    if config["proxy_mode"] and environ.get("HTTP_X_FORWARDED_PROTO"):
        return environ["HTTP_X_FORWARDED_PROTO"].rpartition(",")[2].strip().lower() == "https"
    return environ.get("wsgi.url_scheme") == "https"


def hardened(environ: dict, start_response):
    """The ``start_response`` that gives the cookies of an HTTPS answer what Odoo leaves out."""
    if not is_https(environ):
        return start_response

    def start(status, headers, *more):
        return start_response(status, [(name, _harden(name, value)) for name, value in headers], *more)

    return start


def _harden(name: str, value: str) -> str:
    if name.lower() != SET_COOKIE:
        return value
    given = {part.partition("=")[0].strip().lower() for part in value.split(";")[1:]}
    secure = "" if "secure" in given else "; Secure"
    return value + secure + ("" if "samesite" in given else "; SameSite=Lax")
