"""The host policy of lokario_base, which refuses in the terms of a mailbox here."""

import socket

from odoo.addons.lokario_base.tools import host_policy

from ..exceptions import AddressRefused, HostUnresolved

PinnedHost = host_policy.PinnedHost


class HostPolicy(host_policy.HostPolicy):
    """Where a mail server may be; an administrator's list opens more."""

    def pin(self, host, port, resolve=socket.getaddrinfo):
        """Return the PinnedHost to connect to; raises `AddressRefused`."""
        try:
            return super().pin(host, port, resolve)
        except host_policy.HostUnresolved as err:
            raise HostUnresolved(str(err)) from err
        except host_policy.HostRefused as err:
            raise AddressRefused(str(err)) from err
