"""An instance's process, from the fork to its end."""

import ctypes
import fcntl
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time

import psycopg2
import setproctitle

FIRST_INHERITED = 3  # systemd's protocol, which Odoo speaks: the first descriptor that is handed over
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG = 4, 38, 1
IDLE_TICK = 1.0  # seconds between two looks whether anybody is there
_logger = logging.getLogger(__name__)


def run(listening: int, channel: int) -> None:
    """Serve one instance; never returns. What it is, is the first line that is read from ``channel``."""
    line = socket.socket(fileno=fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, FIRST_INHERITED + 1))
    with line.makefile("r") as lines:
        spec = json.loads(lines.readline())
    _drop_privileges(spec)
    _take_socket(listening)
    _configure(spec)
    setproctitle.setproctitle(f"lokario instance {spec['database']}")
    status = _serve(spec)
    line.sendall(json.dumps(status).encode() + b"\n")
    os._exit(0)


def _drop_privileges(spec: dict) -> None:
    """Limits first, then the user, then the promise never to get more."""
    libc = ctypes.CDLL(None, use_errno=True)
    for name, value in spec["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    os.setsid()
    if spec["uid"]:
        os.setgroups([])
        os.setresgid(spec["uid"], spec["uid"], spec["uid"])
        os.setresuid(spec["uid"], spec["uid"], spec["uid"])
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a change of the user would clear it
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # its own user's other processes may not look into it
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o077)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(spec["environment"])


def _take_socket(listening: int) -> None:
    """As systemd hands over a socket: Odoo's server looks for it on descriptor 3."""
    if listening != FIRST_INHERITED:
        os.dup2(listening, FIRST_INHERITED)
    os.environ.update({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})


def _configure(spec: dict) -> None:
    from odoo import sql_db
    from odoo.tools import config

    from . import addons

    addons.show(spec["addons"])
    for name, value in spec["options"].items():
        config[name] = value
    logging.getLogger().setLevel(logging.INFO)
    connect = sql_db.db_connect
    # Odoo notifies itself of jobs and messages through the database `postgres`, which no instance may enter.
    sql_db.db_connect = lambda name, *arguments, **more: connect(
        spec["database"] if name == "postgres" else name, *arguments, **more
    )
    for signal_number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _serve(spec: dict) -> dict:
    """Run Odoo's own threaded server until it has been idle for a while; returns when its next job is due."""
    import odoo.http
    import odoo.service.server as service

    from odoo.addons.base.models.ir_cron import IrCron

    activity = Activity(spec["idle_seconds"])
    process_jobs = IrCron._process_jobs
    IrCron._process_jobs = lambda database: activity.during(process_jobs, database)
    service.server = service.ThreadedServer(activity.counting(odoo.http.root))
    threading.Thread(target=activity.end_when_idle, daemon=True).start()
    if spec["jobs_due"]:
        threading.Thread(target=IrCron._process_jobs, args=(spec["database"],), daemon=True).start()
    service.server.run(preload=[])
    try:
        return {"next_job": _next_job(spec["database"])}
    except psycopg2.OperationalError:  # it ends because it was suspended: its role may not log in any more
        return {"next_job": None}


def _next_job(database: str) -> float | None:
    """When the next job is due, in seconds since 1970."""
    from odoo import sql_db

    with sql_db.db_connect(database).cursor() as cr:
        cr.execute(
            """
            SELECT extract(epoch FROM least(min(nextcall), (SELECT min(call_at) FROM ir_cron_trigger)))::float8
              FROM ir_cron WHERE active
            """
        )
        return cr.fetchone()[0]


class Activity:
    """Knows whether anybody is there: requests, websockets and jobs."""

    def __init__(self, idle_seconds: float):
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._present = 0
        self._last_seen = time.monotonic()

    def during(self, action, *arguments):
        with self._lock:
            self._present += 1
        try:
            return action(*arguments)
        finally:
            with self._lock:
                self._present -= 1
                self._last_seen = time.monotonic()

    def counting(self, application):
        """The WSGI application, whose requests count as activity."""
        return lambda environ, start_response: self.during(application, environ, start_response)

    def is_idle(self) -> bool:
        from odoo.addons.bus.websocket import _websocket_instances

        with self._lock:
            here = self._present or len(_websocket_instances)
            return not here and time.monotonic() - self._last_seen > self._idle_seconds

    def end_when_idle(self) -> None:
        while not self.is_idle():
            time.sleep(IDLE_TICK)
        _logger.info("Idle for %s s: the process ends", self._idle_seconds)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGTERM)
