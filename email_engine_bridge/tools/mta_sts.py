"""The policy file of MTA-STS (RFC 8461, 3.2 and 3.3), fetched as a sending server does."""

import ipaddress
import ssl

import urllib3

from ..exceptions import EngineRejected, EngineUnavailable

PATH = "/.well-known/mta-sts.txt"
TIMEOUT = 5.0  # seconds
MAX_BYTES = 64 * 1024
MODES = ("enforce", "testing", "none")


class PolicyFetcher:
    """Fetches by HTTPS with a verified certificate, follows no redirect, never asks an internal address.

    `ca_certs` and `port` are for a server of one's own; internal addresses are then allowed.
    """

    def __init__(self, ca_certs=None, port=443):
        self._ca_certs, self._port = ca_certs, port

    def fetch(self, host, addresses):
        """Return the text of the host's policy; raises EngineError naming what went wrong."""
        for address in addresses:
            if self._ca_certs or ipaddress.ip_address(address).is_global:
                return self._fetch(host, address)
        raise EngineUnavailable(f"{host} has no public address")

    def _fetch(self, host, address):
        pool = urllib3.HTTPSConnectionPool(
            address,
            self._port,
            server_hostname=host,
            assert_hostname=host,
            ssl_context=ssl.create_default_context(cafile=self._ca_certs),
            timeout=TIMEOUT,
            retries=False,
        )
        try:
            with (
                pool,
                pool.request("GET", PATH, headers={"Host": host}, redirect=False, preload_content=False) as answer,
            ):
                if answer.status != 200:
                    raise EngineRejected(f"HTTP {answer.status}")
                return answer.read(MAX_BYTES).decode("utf-8", "replace")
        except urllib3.exceptions.HTTPError as error:
            raise EngineUnavailable(type(error).__name__) from error


def parse_policy(text):
    """Return {"mode", "mx": [patterns], "max_age"} of a policy, or None when it is none."""
    pairs = [(key.strip(), value.strip()) for key, _colon, value in (line.partition(":") for line in text.splitlines())]
    single = dict(reversed(pairs))  # the first of a key counts
    mx = [value.lower() for key, value in pairs if key == "mx"]
    mode, max_age = single.get("mode"), single.get("max_age", "")
    right = single.get("version") == "STSv1" and mode in MODES and max_age.isdecimal() and (mx or mode == "none")
    return {"mode": mode, "mx": mx, "max_age": int(max_age)} if right else None


def covers(policy, host):
    """Return whether the policy allows mail to this MX host; `*.` stands for one label (RFC 8461, 4.1)."""
    return any(
        host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])
        for pattern in policy["mx"]
    )
