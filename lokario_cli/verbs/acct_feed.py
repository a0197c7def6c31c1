"""Feed PowerMTA's accounting to the engine: from files, or as the program of an `<acct-file |…>` pipe.

    <acct-file |/opt/lokario/lokario acct-feed --url https://…/api/v2/webhooks/powermta --secret-file /etc/pmta/lokario>

Deliveries are signed by the Standard Webhooks scheme. What cannot be delivered is kept in --spool and sent
first next time; the engine counts every row once, so a delivery in doubt is simply repeated.
"""

import gzip
import os
import sys
import time
import uuid
from pathlib import Path

HELP = "send PowerMTA accounting (files or standard input) to the engine, signed"
NEEDS = set()
ROWS = 5000  # in one delivery
SECONDS = 10.0  # the longest a row waits in a pipe
TRIES = 5
TIMEOUT = 60


def configure(parser):
    parser.add_argument("files", nargs="*", type=Path, help="accounting files (default: standard input)")
    parser.add_argument(
        "--url", required=True, help="https://HOST/api/v2/webhooks/powermta, with a token if not signed"
    )
    parser.add_argument("--secret-file", type=Path, help="file with the whsec_… signing secret")
    parser.add_argument("--spool", type=Path, default=Path("/var/spool/lokario-acct"), help="undelivered rows")


def run(args):
    from ..console import Failure, say

    secret = args.secret_file.read_text().strip() if args.secret_file else os.environ.get("LOKARIO_ACCT_SECRET", "")
    feed = Feed(args.url, secret, args.spool)
    feed.deliver_spooled()
    if args.files:
        for file in args.files:
            opened = gzip.open if file.suffix == ".gz" else open
            with opened(file, "rb") as stream:
                feed.feed(stream)
    else:
        feed.feed(sys.stdin.buffer)
    say(f"{feed.rows} rows delivered, {feed.spooled} kept in {args.spool}")
    if feed.spooled:
        raise Failure("The engine could not be reached; run acct-feed again to deliver what is kept.")
    return 0


class Feed:
    """Batches of lines, each with the header line before it."""

    def __init__(self, url, secret, spool):
        self.url, self.secret, self.spool = url, secret, spool
        self.rows = self.spooled = 0

    def feed(self, stream):
        header = stream.readline()
        batch, since = [], time.monotonic()
        for line in stream:
            batch.append(line)
            if len(batch) >= ROWS or time.monotonic() - since > SECONDS:
                self._deliver(header, batch)
                batch, since = [], time.monotonic()
        if batch:
            self._deliver(header, batch)

    def deliver_spooled(self):
        for file in sorted(self.spool.glob("*.csv.gz")) if self.spool.exists() else ():
            body = file.read_bytes()
            if not self._post(file.name, body):
                return
            file.unlink()

    def _deliver(self, header, lines):
        body = gzip.compress(header + b"".join(lines), 6)
        name = f"acct_{time.time_ns()}_{uuid.uuid4().hex}.csv.gz"
        if self._post(name, body):
            self.rows += len(lines)
        else:
            self.spool.mkdir(parents=True, exist_ok=True)
            part = self.spool / f"{name}.part"
            part.write_bytes(body)
            part.rename(self.spool / name)
            self.spooled += len(lines)

    def _post(self, message_id, body):
        """Whether the engine has it; a delivery it took before (409) is done, a refused one is not tried again."""
        import urllib.error
        import urllib.request

        for attempt in range(TRIES):
            headers = {"Content-Type": "text/csv", **self._signature(message_id, body)}
            request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT):
                    return True
            except urllib.error.HTTPError as error:
                if error.code == 409:
                    return True
                if error.code in (401, 413, 422):
                    return False
            except OSError:
                pass
            time.sleep(min(2**attempt, 30) / 10)
        return False

    def _signature(self, message_id, body):
        """The headers of standardwebhooks.com, without any library: this also runs beside PowerMTA."""
        import base64
        import hashlib
        import hmac

        if not self.secret:
            return {}
        now = str(int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{message_id}.{now}.".encode() + body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": message_id, "webhook-timestamp": now, "webhook-signature": signature}
