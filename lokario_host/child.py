"""An instance's process, from the fork to its end."""

import contextlib
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
from pathlib import Path

import psycopg2
import setproctitle

FIRST_INHERITED = 3  # systemd's protocol, which Odoo speaks: the first descriptor that is handed over
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG = 4, 38, 1
CLONE_NEWNS, CLONE_NEWIPC = 0x20000, 0x8000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 0x40000
FOLDER_OF_ITS_OWN = b"mode=1777,size=256m"
LAST_SECONDS = 30.0  # for who came in while the process, being idle, had begun to end
JOBS_ONLY_SECONDS = 2.0  # a process that only ran its due jobs stays that long
_logger = logging.getLogger(__name__)


def run(listening: int, channel: int, output: int) -> None:
    """Serve one instance; never returns. What it is, is the first line that is read from ``channel``."""
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    line = socket.socket(fileno=fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, FIRST_INHERITED + 1))
    os.close(channel)
    with line.makefile("r") as lines:
        spec = json.loads(lines.readline())
    _drop_privileges(spec)
    _take_socket(listening)
    _configure(spec)
    setproctitle.setproctitle(f"lokario instance {spec['database']}")
    _report(line, next_job=_serve(spec, line))
    os._exit(0)


def _report(line: socket.socket, **what) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: the supervisor is gone, and we go too
        line.sendall(json.dumps(what).encode() + b"\n")


def _drop_privileges(spec: dict) -> None:
    """Limits first, then the user, then the promise never to get more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if spec["group"]:
        Path(spec["group"]).write_text("0")  # this process, as the control group calls it
    for name, value in spec["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    os.setsid()
    if spec["uid"]:
        _leave_shared_memory(libc, spec["own_folders"])
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


def _leave_shared_memory(libc, folders: list[str]) -> None:
    """What everybody may write to, in folders and in shared memory, is this instance's own, and ends with it.

    Where root may make no view, `sandbox.own_folders` names none: there is nothing but the machine's.
    """
    if not folders:
        return
    mounts = [(None, "/", None, MS_REC | MS_PRIVATE, None)]
    own = filter(os.path.isdir, folders)
    mounts += [(b"lokario", folder, b"tmpfs", MS_NOSUID | MS_NODEV, FOLDER_OF_ITS_OWN) for folder in own]
    failed = libc.unshare(CLONE_NEWNS | CLONE_NEWIPC)
    for source, target, kind, flags, options in mounts:
        failed = failed or libc.mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options)
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _take_socket(listening: int) -> None:
    """As systemd hands over a socket: Odoo's server looks for it on descriptor 3."""
    if listening != FIRST_INHERITED:
        os.dup2(listening, FIRST_INHERITED)
        os.close(listening)
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
    # At the end Odoo would close connections that its cron thread still uses; they end with the process.
    sql_db.close_all = lambda: None


def _serve(spec: dict, line: socket.socket) -> float | None:
    """Run Odoo's own threaded server until it has been idle for a while; returns when its next job is due."""
    import odoo.http
    import odoo.service.server as service

    from odoo.addons.base.models.ir_cron import IrCron

    jobs_only = JOBS_ONLY_SECONDS if spec["jobs_due"] else None
    activity = Activity(spec["idle_seconds"], jobs_only, lambda: _report(line, answered=True))
    process_jobs = IrCron._process_jobs
    IrCron._process_jobs = lambda database: activity.during(process_jobs, database)
    server = service.server = service.ThreadedServer(activity.counting(odoo.http.root))
    handle = server.signal_handler
    # Idle, and asked to end at the same moment: Odoo takes a second signal for impatience and ends without a last word.
    server.signal_handler = lambda number, frame: server.quit_signals_received or handle(number, frame)
    threading.Thread(target=activity.end_when_idle, daemon=True).start()
    if spec["jobs_due"]:
        threading.Thread(target=_run_due_jobs, args=(spec["database"], line), daemon=True).start()
    server.run(preload=[])
    if not server.limits_reached_threads:  # else it ends because somebody takes too long
        activity.wait_for_the_last(LAST_SECONDS)
    try:
        return _next_job(spec["database"])
    except psycopg2.Error:  # it ends because it was suspended, or PostgreSQL is away
        return None


def _run_due_jobs(database: str, line: socket.socket) -> None:
    from odoo.addons.base.models.ir_cron import IrCron

    try:
        IrCron._process_jobs(database)
    finally:
        _report(line, jobs_done=True)


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
    """Knows whether anybody is there: requests until their last byte is out, websockets, and jobs while they run.

    A process that was started for its jobs alone stays ``jobs_only_seconds`` after them, or with a visitor as all do.
    ``on_answer`` is called when the first visitor has been answered.
    """

    def __init__(self, idle_seconds: float, jobs_only_seconds: float | None = None, on_answer=lambda: None):
        self._idle_seconds = idle_seconds
        self._stay = idle_seconds if jobs_only_seconds is None else min(jobs_only_seconds, idle_seconds)
        self._on_answer = on_answer
        self._has_answered = False
        self._left = threading.Condition()  # notified when nobody is there any more
        self._present = 0
        self._last_seen = time.monotonic()

    def during(self, action, *arguments):
        """Run ``action``; what looks for jobs once a minute is present while it does, and then has never been there."""
        self._count(1)
        try:
            return action(*arguments)
        finally:
            self._count(-1)

    def counting(self, application):
        """The WSGI application, whose requests count as activity until their answers have been read."""

        def counted(environ, start_response):
            self._stay = self._idle_seconds
            self._count(1)
            try:
                answer = application(environ, start_response)
            except BaseException:
                self._leave()
                raise
            return _Answer(answer, self._leave)  # a download, or a websocket, takes its time after this

        return counted

    def _leave(self) -> None:
        self._last_seen = time.monotonic()
        self._count(-1)
        if not self._has_answered:
            self._has_answered = True
            self._on_answer()

    def _count(self, more: int) -> None:
        with self._left:
            self._present += more
            if not self._present:
                self._left.notify_all()

    def is_idle(self) -> bool:
        return not self._present and time.monotonic() - self._last_seen > self._stay

    def wait_for_the_last(self, seconds: float | None = None) -> None:
        """Until nobody is there; who suspends the instance kills the process long before."""
        with self._left:
            self._left.wait_for(lambda: not self._present, seconds)

    def end_when_idle(self) -> None:
        while not self.is_idle():
            self.wait_for_the_last()
            time.sleep(max(0.0, self._last_seen + self._stay - time.monotonic()) + 0.001)
        _logger.info("Idle for %s s: the process ends", self._stay)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGTERM)


class _Answer:
    """What the WSGI application has answered; ``over`` is called when it has been read, whatever comes of it."""

    def __init__(self, answer, over):
        self._answer, self._over = answer, over

    def __iter__(self):
        return iter(self._answer)

    def close(self) -> None:
        try:
            getattr(self._answer, "close", lambda: None)()
        finally:
            self._over()
