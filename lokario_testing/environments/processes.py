"""The processes of clients' instances, as the machine shows them."""

import signal

import psutil

END_WITHIN = 120  # seconds


def process_of(database: str) -> psutil.Process | None:
    """The process of an instance, None while it sleeps."""
    for process in psutil.process_iter(["cmdline"]):
        if " ".join(process.info["cmdline"] or ()).rstrip("\0 ") == f"lokario instance {database}":
            return process
    return None


def end_process(database: str) -> None:
    """End the process of an instance as if nobody had been there for its minutes; returns when it is gone."""
    if process := process_of(database):
        process.send_signal(signal.SIGTERM)
        process.wait(END_WITHIN)
