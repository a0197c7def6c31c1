"""``odoo watch -c odoo.conf``: keeps lines open to the mailboxes of its databases (docs/inbox_sync.md)."""

import asyncio
import functools
import logging
import os
import resource
import signal
from asyncio import sslproto
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import odoo.service.server
import psycopg2
from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config

_logger = logging.getLogger(__name__)

MOST = 2000  # mailboxes of one process
RESOLVERS = 16  # threads for DNS and token renewal, which may hang
TLS_BUFFER = 16 * 1024  # bytes; 256 KB of Python's own for each line would be 500 MB


class Watch(Command):
    """Keep lines open to the mailboxes, so that new mail is fetched the moment it arrives."""

    def run(self, args):
        config.parser.prog = self.prog
        config.parse_config(args, setup_logging=True)
        from odoo.addons.lokario_base.server_settings import server_setting

        odoo.service.server.load_server_wide_modules()
        sslproto.SSLProtocol.max_size = TLS_BUFFER
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # 1,024 is usual, and a line is an open file
        databases = config["db_name"] or [server_setting("MANAGER_DB") or "lokario"]
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch(databases))


async def _watch(databases):
    loop, main, parent = asyncio.get_running_loop(), asyncio.current_task(), os.getppid()
    loop.set_default_executor(ThreadPoolExecutor(RESOLVERS, thread_name_prefix="lokario-watch-dns"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, main.cancel)
    from odoo.addons.lokario_inbox.tools.mailbox_watch import Watchers

    desks = [_Desk(database) for database in databases]
    tasks = [asyncio.create_task(Watchers(desk).run()) for desk in desks]
    _logger.info("Watching the mailboxes of %s", ", ".join(databases))
    with suppress(asyncio.CancelledError):
        while os.getppid() == parent:  # whoever started us is gone: we end, too
            await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(desk.close() for desk in desks))


class _Desk:
    """The database's side of the lines: one short transaction a call, all in one thread."""

    def __init__(self, database):
        self._database, self._locks = database, None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lokario-watch-{database}")

    async def _call(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self._thread, functools.partial(function, *arguments))

    async def close(self):
        """Give the mailboxes back at once; a watcher that is killed gives them back with its session."""
        await self._call(self._forget_locks)

    async def look(self, held):
        return await self._call(self._look, held)

    async def plan(self, mailbox_id):
        return await self._call(self._plan, mailbox_id)

    async def ring(self, mailbox_ids):
        await self._call(self._ring, mailbox_ids)

    async def keep(self, event):
        await self._call(self._keep, event)

    @contextmanager
    def _env(self):
        registry = Registry(self._database).check_signaling()
        with registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _look(self, held):
        from odoo.addons.lokario_mailbox.tools.worker_locks import WATCH, WorkerLocks

        with self._env() as env:
            if "inbox.ring" not in env:  # not installed, or its update is still to come
                return {}
            if not self._locks:
                self._locks, held = WorkerLocks(env, WATCH).__enter__(), frozenset()
            try:
                return env["inbox.ring"]._watched(self._locks, held, MOST)
            except psycopg2.Error:
                self._forget_locks()
                raise

    def _forget_locks(self):
        if self._locks:
            self._locks.__exit__(None, None, None)
            self._locks = None

    def _plan(self, mailbox_id):
        with self._env() as env:
            mailbox = env["inbox.integration"].browse(mailbox_id).exists()
            return next(mailbox._plan_sync__("watch"), None)

    def _ring(self, mailbox_ids):
        with self._env() as env:
            env["inbox.ring"]._ring(mailbox_ids)

    def _keep(self, event):
        with self._env() as env:
            env["inbox.integration"].browse(event.account_id)._store_tokens(event)
