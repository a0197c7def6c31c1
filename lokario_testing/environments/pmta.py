"""A stand-in for PowerMTA: takes mail by SMTP with pipelining and writes accounting rows.

It speaks what the PowerMTA User's Guide documents: `X-Virtual-MTA` chooses the VirtualMTA (an unknown
one is refused) and `X-Job` comes back as jobId. A receipt row is on disk before 250 is answered, the
delivery or bounce row follows. `python -m lokario_testing.environments.pmta --accounting FILE` runs it alone.

Recipients choose their fate by their local part: `bounce-…`, `full-…`, `spam-…`, `defer-…`, `reject-…`
(refused at RCPT), `lost-…` (taken, then the connection is cut without an answer).
"""

import argparse
import asyncio
import csv
import io
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

COLUMNS = [
    "type",
    "timeLogged",
    "timeQueued",
    "orig",
    "rcpt",
    "orcpt",
    "dsnAction",
    "dsnStatus",
    "dsnDiag",
    "dsnMta",
    "bounceCat",
    "srcType",
    "srcMta",
    "dlvType",
    "dlvSourceIp",
    "dlvDestinationIp",
    "dlvEsmtpAvailable",
    "dlvSize",
    "vmta",
    "jobId",
    "envId",
    "queue",
    "vmtaPool",
    "header_Message-ID",
]
FATES = {
    "bounce": ("b", "failed", "5.1.1 (bad destination mailbox address)", "smtp;550 5.1.1 user unknown", "bad-mailbox"),
    "full": ("b", "failed", "5.2.2 (mailbox full)", "smtp;552 5.2.2 mailbox full", "quota-issues"),
    "spam": ("b", "failed", "5.7.1 (policy)", "smtp;550 5.7.1 blocked using zen.spamhaus.org", "spam-related"),
    "defer": ("t", "delayed", "4.2.0", "smtp;450 4.2.0 try again later", "other"),
}
DELIVERED = ("d", "relayed", "2.0.0 (success)", "smtp;250 2.0.0 OK", "")
_HEADER = re.compile(rb"^(x-virtual-mta|x-job|message-id):[ \t]*([^\r\n]*)\r?$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(rb"<([^>]*)>")


class FakePowerMta:
    """State shared by the connections: known VirtualMTAs, what was received, the accounting file."""

    def __init__(self, accounting: Path, vmtas=None, record_receipts=True, delay=0, pipelining=True):
        self.accounting = Path(accounting)
        self.vmtas = vmtas  # None: any name is known
        self.record_receipts = record_receipts
        self.pipelining = pipelining
        self.greeting = "220 pmta.test ESMTP"
        self.delay = delay  # seconds that taking a message blocks the server
        self.received = Counter()  # message ids
        self.by_vmta = Counter()
        self.messages = None  # a list here keeps the messages themselves
        self._file = self.accounting.open("a", newline="")
        if self.accounting.stat().st_size == 0:
            self._write(COLUMNS)

    def accept(self, sender: str, rcpt: str, message: bytes) -> str:
        """The answer to the end of data; rows are on disk before it is given."""
        time.sleep(self.delay)
        end = message.find(b"\r\n\r\n")
        headers = {name.lower(): value.decode() for name, value in _HEADER.findall(message[:end])}
        vmta = headers.get(b"x-virtual-mta", "")
        if self.vmtas is not None and vmta not in self.vmtas:
            return "550 5.7.1 unknown virtual MTA"
        message_id = headers.get(b"message-id", "").strip("<>")
        self.received[message_id] += 1
        if self.messages is not None:
            self.messages.append(message)
        self.by_vmta[vmta] += 1
        fate = FATES.get(rcpt.split("-", 1)[0], DELIVERED)
        common = (sender, rcpt, vmta, headers.get(b"x-job", ""), message_id, len(message))
        rows = [self._row("r", "", "", "", "", *common)] if self.record_receipts else []
        self._write(*rows, self._row(*fate, *common))
        return "250 2.6.0 message received"

    @contextmanager
    def refusing(self, greeting):
        """Greet new connections with a refusal."""
        former, self.greeting = self.greeting, greeting
        yield
        self.greeting = former

    def _row(self, kind, action, status, diagnostic, category, sender, rcpt, vmta, job, message_id, size):
        now = time.strftime("%Y-%m-%d %H:%M:%S+0000", time.gmtime())
        domain = rcpt.rpartition("@")[2]
        values = dict.fromkeys(COLUMNS, "")
        values |= {"type": kind, "timeLogged": now, "timeQueued": now, "orig": sender, "rcpt": rcpt}
        values |= {"dsnAction": action, "dsnStatus": status, "dsnDiag": diagnostic, "bounceCat": category}
        values |= {"srcType": "smtp", "dlvSize": size, "vmta": vmta, "jobId": job}
        values |= {"queue": f"{domain}/{vmta}", "header_Message-ID": f"<{message_id}>"}
        return list(values.values())

    def _write(self, *rows):
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n").writerows(rows)
        self._file.write(buffer.getvalue())
        self._file.flush()

    def close(self):
        self._file.close()


class _Session(asyncio.Protocol):
    """One SMTP connection; commands arrive pipelined."""

    def __init__(self, mta: FakePowerMta):
        self.mta = mta
        self.buffer = b""
        self.in_data = False
        self.sender = self.rcpt = None

    def connection_made(self, transport):
        self.transport = transport
        self._answer(self.mta.greeting)
        if not self.mta.greeting.startswith("220"):
            self.transport.close()

    def data_received(self, data):
        self.buffer += data
        answered = True
        while answered and not self.transport.is_closing():
            answered = self._read_message() if self.in_data else self._read_command()

    def _read_message(self):
        if self.buffer.startswith(b".\r\n"):
            message, self.buffer = b"", self.buffer[3:]
        else:
            message, end, rest = self.buffer.partition(b"\r\n.\r\n")
            if not end:
                return False
            self.buffer = rest
        self.in_data = False
        answer = self.mta.accept(self.sender, self.rcpt, message)
        if self.rcpt.startswith("lost-"):
            self.transport.abort()
        else:
            self._answer(answer)
        self.sender = self.rcpt = None
        return True

    def _read_command(self):
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        if rest and not self.mta.pipelining:
            self._answer("503 5.5.0 pipelining was not announced")
            self.transport.close()
            return False
        verb = line[:4].upper()
        handler = getattr(self, f"_{verb.decode('ascii', 'replace').strip().lower()}", None)
        if handler is None:
            self._answer("500 5.5.1 unknown command")
        else:
            handler(line)
        return True

    def _ehlo(self, _line):
        pipelining = ["250-PIPELINING"] if self.mta.pipelining else []
        self._answer("250-pmta.test", *pipelining, "250-8BITMIME", "250 SIZE 0")

    def _mail(self, line):
        self.sender, self.rcpt = _ADDRESS.search(line)[1].decode(), None
        self._answer("250 2.1.0 sender ok")

    def _rcpt(self, line):
        address = _ADDRESS.search(line)[1].decode()
        if address.startswith("reject-"):
            self._answer("550 5.1.1 user unknown")
        else:
            self.rcpt = address
            self._answer("250 2.1.5 recipient ok")

    def _data(self, _line):
        self.in_data = self.rcpt is not None
        self._answer("354 send message" if self.in_data else "503 5.5.1 no recipients")

    def _rset(self, _line):
        self.sender = self.rcpt = None
        self._answer("250 2.0.0 ok")

    def _quit(self, _line):
        self._answer("221 2.0.0 bye")
        self.transport.close()

    def _answer(self, *lines):
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def serving(mta: FakePowerMta):
    """Serve on a free loopback port in a thread; yields (host, port)."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Session(mta), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        mta.close()


@contextmanager
def process(accounting: Path, delay: float = 0):
    """The stand-in as a process of its own, `delay` seconds a message; yields (host, port)."""
    command = [
        sys.executable,
        "-m",
        "lokario_testing.environments.pmta",
        "--accounting",
        str(accounting),
        "--delay",
        str(delay),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as child:
        try:
            yield "127.0.0.1", int(child.stdout.readline())
        finally:
            child.terminate()


async def _serve(mta, port):
    server = await asyncio.get_running_loop().create_server(lambda: _Session(mta), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    mta.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounting", required=True, type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-receipts", action="store_true")
    parser.add_argument("--delay", type=float, default=0, help="seconds a message")
    arguments = parser.parse_args()
    mta = FakePowerMta(arguments.accounting, record_receipts=not arguments.no_receipts, delay=arguments.delay)
    asyncio.run(_serve(mta, arguments.port))


if __name__ == "__main__":
    main()
