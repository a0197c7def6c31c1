"""A real Postfix set up by parsing a PowerMTA configuration: one transport a VirtualMTA, its source IP and HELO.

Mail comes in by SMTP with `X-Virtual-MTA`; a before-queue filter counts it against `max-smtp-msg-rate N/d`
and refuses what is above; the rest leaves through the VirtualMTA's transport towards a sink.
"""

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiosmtpd.controller import Controller

from lokario_cli.console import Failure
from lokario_cli.odoo_process import free_port

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = stand-in.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
relay_domains =
default_transport = discard:
header_checks = regexp:{folder}/header_checks
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtputf8_enable = no
smtpd_hard_error_limit = 100000
smtpd_soft_error_limit = 100000
smtpd_error_sleep_time = 0
"""
MASTER = """
127.0.0.1:{entry} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{filter} -o smtpd_client_connection_count_limit=0
127.0.0.1:{back} inet n - n - - smtpd -o smtpd_authorized_xforward_hosts=127.0.0.0/8
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Vmta:
    name: str
    address: str
    hostname: str
    quota: int


def vmtas_of(root):
    """The VirtualMTAs of a parsed configuration (the linter's tree)."""
    found = []
    for block in root.blocks("virtual-mta"):
        address, hostname = block.directives("smtp-source-host")[0].args
        quota = int(re.fullmatch(r"(\d+)/d", block.directives("max-smtp-msg-rate")[0].value)[1])
        found.append(Vmta(block.name, address, hostname, quota))
    return found


class Fence:
    """The before-queue filter: lets exactly the day's number of each VirtualMTA pass on to `back`."""

    def __init__(self, vmtas, back):
        self.left = {vmta.name: vmta.quota for vmta in vmtas}
        self.back = back
        self.refused = Counter()

    async def handle_DATA(self, _server, _session, envelope):
        import smtplib

        match = re.search(
            rb"^X-Virtual-MTA: *(\S+)\r?$", envelope.content.partition(b"\r\n\r\n")[0] + b"\r\n", re.M | re.I
        )
        name = match[1].decode() if match else ""
        if self.left.get(name, 0) <= 0:
            self.refused[name] += 1
            return "550 5.7.1 over the rate of this virtual MTA"
        self.left[name] -= 1
        with smtplib.SMTP("127.0.0.1", self.back, timeout=120) as client:
            client.sendmail(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        return "250 2.0.0 taken"


class Sink:
    """The rest of the environment: notes from where, and with which HELO, each message came."""

    def __init__(self):
        self.seen = []  # (source IP, HELO, VirtualMTA it was meant for)

    async def handle_DATA(self, _server, session, envelope):
        meant = re.search(rb"^X-Meant: *(\S+)\r?$", envelope.content, re.M)[1].decode()
        self.seen.append((session.peer[0], session.host_name, meant))
        return "250 2.0.0 ok"


def program():
    """The program's path when Postfix is installed and may be started (root), else None."""
    return shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin") if os.getuid() == 0 else None


@contextmanager
def serving(vmtas, folder: Path):
    """Start sink, fence and Postfix; yields (port to hand mail to, sink, fence)."""
    entry, filter_port, back, sink_port = (free_port() for _n in range(4))
    sink, fence = Sink(), Fence(vmtas, back)
    servers = [Controller(sink, "127.0.0.1", sink_port), Controller(fence, "127.0.0.1", filter_port)]
    _write(vmtas, folder, {"entry": entry, "filter": filter_port, "back": back}, sink_port)
    for server in servers:
        server.start()
    _postfix(folder, "start")
    try:
        yield entry, sink, fence
    finally:
        _postfix(folder, "abort")
        for server in servers:
            server.stop()


def _write(vmtas, folder, ports, sink_port):
    folder.chmod(0o755)
    for name in ("queue", "data", "log", "etc"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "etc" / "main.cf").write_text(MAIN.format(folder=folder))
    transports = "".join(
        f"vmta{number} unix - - n - - smtp -o smtp_bind_address={vmta.address} -o smtp_helo_name={vmta.hostname}\n"
        for number, vmta in enumerate(vmtas)
    )
    (folder / "etc" / "master.cf").write_text(MASTER.format(**ports) + transports)
    (folder / "header_checks").write_text(
        "".join(
            f"/^X-Virtual-MTA: *{re.escape(vmta.name)}$/ FILTER vmta{number}:[127.0.0.1]:{sink_port}\n"
            for number, vmta in enumerate(vmtas)
        )
    )


def _postfix(folder, action):
    done = subprocess.run([program(), "-c", str(folder / "etc"), action], capture_output=True, text=True)
    if done.returncode and action == "start":
        log = folder / "log" / "postfix.log"
        raise Failure(f"Postfix did not start: {done.stderr}\n{log.read_text() if log.exists() else ''}")


def wait_until(condition, timeout=180):
    """Wait for mail to come through; Failure when it does not."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise Failure("The mail did not come through")
        time.sleep(0.05)
