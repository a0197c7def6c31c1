"""Tests whose commits are real: each class works on a database of its own, a clone of the one under test.

They have the same name one after the other: making Odoo's registry takes longer than the clone and happens once.
"""

import contextlib
import os
import shutil
import threading
from pathlib import Path
from unittest.mock import patch

import odoo.sql_db
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import tagged
from odoo.tests.common import BaseCase, get_db_name
from odoo.tools import SQL, config

from odoo.addons.base.models import res_users

PRISTINE = "_pristine"  # suffix of the copy that classes clone; nothing ever connects to it
END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""


@tagged("-at_install", "post_install")
class CommittedCase(BaseCase):
    """What uses a second connection, a job, a cron, a lock or a thread is tested here, as it runs in production.

    ``cls.registry`` is that of the clone. ``self.env`` is a superuser's on a fresh transaction, rolled back at the end
    of the test; what a test commits stays for the others of its class. Make further ones with ``self.connect()``.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The server that runs the tests holds the registries' lock meanwhile: threads of a test would wait for it.
        cls.startClassPatcher(patch.object(Registry, "_lock", threading.RLock()))
        cls.startClassPatcher(patch.object(res_users, "MIN_ROUNDS", 1))  # a third of a second for each password
        cls.database = clone_database(f"{get_db_name()}_clone")
        cls.addClassCleanup(drop_database, cls.database)
        cls.registry = Registry(cls.database)
        cls.registry._db_readonly = None  # there is no replica
        cls.registry.setup_signaling()
        cls.registry.clear_all_caches()

    def setUp(self):
        super().setUp()
        self.env = self.connect()
        self.cr = self.env.cr

    def connect(self, user: int = SUPERUSER_ID, **context):
        """Return an environment on a connection of its own, as another request or worker has it."""
        cr = self.registry.cursor()
        self.addCleanup(cr.close)
        return api.Environment(cr, user, context)


def clone_database(target: str) -> str:
    """Copy the database under test, and its filestore by hard links."""
    source = get_db_name()
    _copy(source, f"{source}{PRISTINE}")
    _copy(f"{source}{PRISTINE}", target)
    return target


def drop_database(name: str) -> None:
    odoo.sql_db.close_db(name)
    with _maintenance() as cr:
        cr.execute(SQL("DROP DATABASE IF EXISTS %s WITH (FORCE)", SQL.identifier(name)))
    shutil.rmtree(config.filestore(name), ignore_errors=True)


def _copy(source: str, target: str) -> None:
    with _maintenance() as cr:
        cr.execute("SELECT 1 FROM pg_database WHERE datname = %s", [target])
        if cr.fetchone():
            return
        with _closed(cr, source):
            clone = SQL("CREATE DATABASE %s TEMPLATE %s", SQL.identifier(target), SQL.identifier(source))
            as_files = cr.connection.server_version >= 15_00_00  # otherwise each page of the copy goes through the log
            cr.execute(SQL("%s STRATEGY file_copy", clone) if as_files else clone)
    if Path(config.filestore(source)).exists():
        shutil.copytree(config.filestore(source), config.filestore(target), copy_function=os.link)


@contextlib.contextmanager
def _closed(cr, name: str):
    """Nobody is connected while PostgreSQL copies; who listens there (the gate) connects again by itself."""
    odoo.sql_db.close_db(name)
    database = SQL.identifier(name)
    cr.execute(SQL("ALTER DATABASE %s ALLOW_CONNECTIONS false", database))
    try:
        cr.execute(END_SESSIONS, [name])
        yield
    finally:
        cr.execute(SQL("ALTER DATABASE %s ALLOW_CONNECTIONS true", database))


@contextlib.contextmanager
def _maintenance():
    with contextlib.closing(odoo.sql_db.db_connect("postgres").cursor()) as cr:
        cr.connection.autocommit = True
        yield cr
