"""The preloaded parent: ``python -m lokario_host.parent <descriptor> <modules> <addons folders> <Odoo options…>``.

It opens no database and is told no secret: a child inherits its memory. What a child needs to know it reads itself
from the channel that is handed through.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import traceback

import setproctitle

from . import child, messages

SWEEPS = 10  # tries to end what a client has left running


class Parent:
    """Forks children for the supervisor at the other end of ``channel``, tells it of their end, and ends with it."""

    def __init__(self, channel: socket.socket):
        self.channel = channel
        self.children: dict[int, tuple[str, int]] = {}  # process: database, operating-system user

    def run(self) -> None:
        self._wake_up, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_arguments: None)
        messages.send(self.channel, {"ready": True})
        while True:
            ready, _none, _none = select.select([self.channel, self._wake_up], [], [])
            if self._wake_up in ready:
                os.read(self._wake_up, 4096)
                self._reap()
            if self.channel in ready and not self._handle_message():
                return

    def _handle_message(self) -> bool:
        """Do what the next message says; False when the supervisor is gone."""
        message, descriptors = messages.receive(self.channel)
        if message is None:
            for pid in self.children:
                _signal(pid, signal.SIGKILL)
            return False
        if "start" in message:
            self._fork(message["start"], message["uid"], descriptors)
        elif "stop" in message:
            for pid, (database, _uid) in self.children.items():
                if database == message["stop"]:
                    _signal(pid, message["signal"])
        return True

    def _fork(self, database: str, uid: int, descriptors: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError:  # too many processes, no memory: the others live on
            traceback.print_exc()
            messages.send(self.channel, {"ended": database})
            pid = None
        if pid == 0:
            try:
                self.channel.close()
                signal.set_wakeup_fd(-1)
                os.close(self._wake)
                os.close(self._wake_up)
                child.run(*descriptors)
            except BaseException:  # noqa: BLE001  whatever it is, this process must not go on as a second parent
                traceback.print_exc()
            finally:
                os._exit(1)
        if pid:
            self.children[pid] = (database, uid)
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        """Take note of children that ended; what they have left running ends with them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if found := self.children.pop(ended[0], None):
                    database, uid = found
                    end_all_of(uid)
                    messages.send(self.channel, {"ended": database})


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end_all_of(uid: int) -> None:
    """Kill every process of an instance's user, also those that have left their session or lost their parent.

    The kernel signals "all that I may signal" in one go, so no fork escapes; who kills our messenger first gets
    another one.
    """
    for _attempt in range(SWEEPS if uid else 0):
        messenger = os.fork()
        if messenger == 0:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os._exit(0)
        if os.waitpid(messenger, 0)[1] == 0:
            return


def preload(options: list[str], modules: list[str], folders: list[str]) -> None:
    """Import Odoo and ``modules`` with what they depend on; children share these pages until they write to them."""
    from odoo.tools import config

    config.parse_config(options, setup_logging=True)
    import odoo.http
    import odoo.service.server
    from odoo.modules.module import initialize_sys_path, load_openerp_module

    from . import addons, neutralization, passwords

    setproctitle.getproctitle()  # it looks at the environment, which a child has no more
    initialize_sys_path()
    addons.show(folders)
    found = addons.installed_beside(["base", "web", *modules])
    for name in sorted(found, key=lambda name: _depth(name, found)):
        load_openerp_module(name)
    odoo.service.server.load_server_wide_modules()
    neutralization.keep_neutralized()
    passwords.quicken()
    gc.collect()
    gc.freeze()


def _depth(name: str, manifests: dict) -> int:
    return 1 + max((_depth(other, manifests) for other in manifests[name]["depends"] if other in manifests), default=0)


if __name__ == "__main__":
    descriptor, names, folders, *arguments = sys.argv[1:]
    preload(arguments, names.split(","), [folder for folder in folders.split(",") if folder])
    Parent(socket.socket(fileno=int(descriptor))).run()
