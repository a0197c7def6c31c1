"""One instance that should answer."""

import contextlib
import os
import random
import select
import socket
import time

from . import messages
from .routes import Instance

BACKLOG = 128
MAX_BACK_OFF = 60  # seconds
LONGEST_WAKING = 20  # seconds; jobs that last longer keep nobody else's waiting
JOB_JITTER = 20  # seconds over which due jobs of stopped instances are spread


class Slot:
    """An instance's listening socket, and what is known of its process while there is one."""

    def __init__(self, instance: Instance, settings):
        self.instance = instance
        self.path = settings.sockets / f"{instance.database}.sock"
        self.by_host = settings.hosts / f"{instance.host}.sock"
        self.group = settings.front_group
        self.listening: socket.socket | None = None
        self.reports: messages.Reports | None = None  # while there is a process
        self.nursery = None  # whose it is
        self.started = 0.0
        self.wakes_for_jobs = False
        self.next_job: float | None = 0.0  # not known yet: started once to find out
        self.failures = 0
        self.retry_at = 0.0
        self.killed_at: float | None = None

    @property
    def is_running(self) -> bool:
        return self.reports is not None

    @property
    def is_waking(self) -> bool:
        """Whether it was started for its jobs and still begins with them."""
        is_new = time.monotonic() - self.started < LONGEST_WAKING
        return self.is_running and self.wakes_for_jobs and is_new and not self.reports.jobs_done

    def is_due(self, clock: float) -> bool:
        """Whether its jobs should be run by now; each instance has its own delay, so that not all start at once."""
        if self.is_running or self.retry_at or self.next_job is None:
            return False
        delay = random.Random(self.instance.database).uniform(0, JOB_JITTER)  # noqa: S311
        return self.next_job + delay <= clock

    def listen(self) -> None:
        self.path.unlink(missing_ok=True)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        os.chown(self.path, -1, self.group)
        self.path.chmod(0o600 if self.group < 0 else 0o660)
        self.listening.listen(BACKLOG)
        self.by_host.unlink(missing_ok=True)
        self.by_host.symlink_to(self.path)

    def is_deaf(self) -> bool:
        """Whether its process, which shares the socket, has shut it down: nobody can connect any more."""
        if self.listening is None:
            return False
        poll = select.poll()
        poll.register(self.listening, select.POLLIN)
        return any(event & select.POLLHUP for _descriptor, event in poll.poll(0))

    def close(self) -> None:
        if self.listening:
            self.listening.close()
            self.listening = None
        self.by_host.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def back_off(self) -> float:
        """Close the socket for the seconds that are returned: visitors read that it starts.

        Longer each time that no visitor has been answered; who could answer was killed, and lives the next time.
        """
        pause = min(MAX_BACK_OFF, 2**self.failures)
        self.failures += 1
        self.retry_at = time.monotonic() + pause
        self.close()
        return pause

    def ended(self) -> bool:
        """The process is gone; returns whether it ended in order, with a last word."""
        self.reports.read()
        in_order = self.reports.next_job != 0.0
        self.next_job = self.reports.next_job
        self.failures = 0 if self.reports.answered else self.failures
        with contextlib.suppress(OSError):
            self.reports.channel.close()
        self.reports = None
        return in_order
