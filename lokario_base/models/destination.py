import os
from urllib.parse import urlsplit

from odoo import api, models
from odoo.exceptions import ValidationError

from ..tools.host_policy import HostPolicy, HostRefused, HostUnresolved

THIS_MACHINE = "127.0.0.0/8 ::1"


class Destination(models.AbstractModel):
    """Where an addon may call by HTTP: public addresses, and the private hosts that an administrator lists.

    The addon's model names the parameter with that list, and says where it is set.
    """

    _name = "lokario.destination.mixin"
    _description = "Destination of Calls"

    _parameter = ""

    @api.model
    def _setting(self):
        """Return the words by which an administrator finds the list of private hosts."""
        return ""

    @api.model
    def _get_pin(self):
        """Return the function (host, port) → PinnedHost that every client connects by; see `pinned_http`."""
        allowed = self.env["ir.config_parameter"].sudo().get_param(self._parameter) or ""
        if os.environ.get("LOKARIO_DEVELOPMENT") == "1":
            allowed = f"{allowed} {THIS_MACHINE}"

        def pin(host, port):
            return HostPolicy.from_text(allowed, (port,)).pin(host, port)

        return pin

    @api.model
    def _check_url(self, label, url, schemes=("https", "http")):
        """Raise ValidationError for an address that may not be called; one that is unknown today may be tomorrow."""
        parts = _split(url)
        if not parts or parts.scheme not in schemes or not parts.hostname or parts.username is not None:
            raise ValidationError(
                self.env._("%(label)s: give an https:// address, not “%(url)s”.", label=label, url=url)
            )
        try:
            self._get_pin()(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        except HostUnresolved:
            return
        except HostRefused as error:
            raise ValidationError(
                self.env._(
                    "%(label)s: %(host)s is not a public address. An administrator may list it in %(setting)s.",
                    label=label,
                    host=parts.hostname,
                    setting=self._setting(),
                )
            ) from error


def _split(url):
    """The parts of an address, or None when it cannot be one."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port else None
    except ValueError:
        return None
