"""A real authoritative name server (Debian's knot) on loopback, serving the zones it is given."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.odoo_process import free_port

CONF = """server:
    rundir: "{folder}/run"
    listen: [ 127.0.0.1@{port} ]
database:
    storage: "{folder}/db"
log:
  - target: "{folder}/knot.log"
    any: info
zone:
{zones}"""

HEAD = "$ORIGIN {origin}.\n$TTL 60\n@ SOA ns. host. 1 60 60 60 60\n@ NS ns.\n"


def knotd():
    """The program's path, or None when the package `knot` is not installed."""
    return shutil.which("knotd") or shutil.which("/usr/sbin/knotd")


@contextmanager
def serving(zones: dict[str, str], folder: Path, port: int | None = None):
    """Serve {zone name: zone text}, on a free port unless one is given; yields "address:port"."""
    program = knotd()
    if not program:
        raise Failure("knotd is missing: apt-get install knot")
    for name in ("run", "db"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in zones.items():
        (folder / f"{name}.zone").write_text(text)
    port = port or free_port()
    blocks = "".join(f'  - domain: {name}\n    file: "{folder}/{name}.zone"\n' for name in zones)
    (folder / "knot.conf").write_text(CONF.format(folder=folder, port=port, zones=blocks))
    with subprocess.Popen([program, "-c", str(folder / "knot.conf")], stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port, server, folder)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def publishing(domain: str, address: str, records: str, folder: Path, port: int | None = None):
    """Serve a domain's zone export and the PTR of its IPv4 address; yields "address:port"."""
    *network, host = address.split(".")
    reverse = ".".join(reversed(network)) + ".in-addr.arpa"
    zones = {domain: HEAD.format(origin=domain) + records}
    zones[reverse] = HEAD.format(origin=reverse) + f"{host} PTR {domain}.\n"
    return serving(zones, folder, port)


def _wait(port, server, folder, timeout=60):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    raise Failure(f"knotd did not start:\n{(folder / 'knot.log').read_text()[-1000:]}")
