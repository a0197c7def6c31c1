"""Everything this addon does to whole databases, over plain psycopg2.

CREATE, ALTER and DROP DATABASE go through a private autocommit connection, never through an Odoo
cursor. A database is ours only while its comment says so: see :class:`OwnerMark`.
"""

import contextlib
import dataclasses

import psycopg2
from psycopg2 import errors, sql

from ..exceptions import DatabaseInTheWay, NotOurs, ServerUnreachable

CONNECT_TIMEOUT = 5  # seconds
DROP_ATTEMPTS = 5
MARK = "lokario-saas"
CLUSTER = "SELECT system_identifier FROM pg_control_system()"


@dataclasses.dataclass(frozen=True)
class OwnerMark:
    """Who may change a database: one manager, for one of its instances or templates."""

    manager: str
    owner: str

    def __str__(self):
        return f"{MARK}:{self.manager}:{self.owner}"


@dataclasses.dataclass(frozen=True)
class Database:
    """One row of ``pg_database``, as far as we care."""

    name: str
    is_template: bool
    allow_connections: bool
    comment: str


class PostgresAdmin:
    """Creates, hides, publishes and drops databases of one PostgreSQL server."""

    def __init__(self, host="", port=0, user="", password="", sslmode=""):
        given = {"host": host, "port": port, "user": user, "password": password, "sslmode": sslmode}
        self._dsn = {key: value for key, value in given.items() if value}

    def connect(self, database):
        """An open connection to ``database``; the caller closes it."""
        try:
            return psycopg2.connect(
                dbname=database,
                connect_timeout=CONNECT_TIMEOUT,
                application_name="lokario-saas",
                **self._dsn,
            )
        except psycopg2.OperationalError as err:
            raise ServerUnreachable(str(err).strip()) from err

    @contextlib.contextmanager
    def session(self, database):
        """One transaction inside ``database``: committed at the end, undone on an error."""
        connection = self.connect(database)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def _autocommit(self):
        connection = self.connect("postgres")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    # -- looking ---------------------------------------------------------------------------

    def cluster(self):
        """The number that PostgreSQL gave this server when it was set up: its own under every address."""
        with self._autocommit() as cursor:
            cursor.execute(CLUSTER)
            return cursor.fetchone()[0]

    def find(self, name):
        """The :class:`Database` called ``name``, or None."""
        with self._autocommit() as cursor:
            return self._find(cursor, name)

    def _find(self, cursor, name):
        cursor.execute(
            """
            SELECT datname, datistemplate, datallowconn,
                   coalesce(shobj_description(oid, 'pg_database'), '')
              FROM pg_database WHERE datname = %s
            """,
            [name],
        )
        row = cursor.fetchone()
        return row and Database(*row)

    # -- building --------------------------------------------------------------------------

    def create_hidden(self, name, mark):
        """An empty database to build a template in, invisible to Odoo's lists and crons.

        Collation ``C`` on ``template0`` is what Odoo itself asks for: more useful indexes.
        """
        self._create(
            name,
            mark,
            sql.SQL("TEMPLATE template0 ENCODING 'unicode' LC_COLLATE 'C' IS_TEMPLATE true"),
        )

    def clone_hidden(self, template, name, mark):
        """Copy the sealed ``template`` into ``name``, invisible until :meth:`publish`.

        Odoo lists, serves and runs crons only of databases with ``datistemplate`` false, so
        nothing can start in the copy before it is clean.
        """
        self._create(name, mark, sql.SQL("TEMPLATE {} IS_TEMPLATE true").format(sql.Identifier(template)))

    def _create(self, name, mark, options):
        with self._autocommit() as cursor:
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), options))
            except errors.DuplicateDatabase as err:
                raise DatabaseInTheWay(name) from err
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(str(mark))))

    def freeze(self, name):
        """Vacuum and analyze ``name``: its copies start with fresh statistics and frozen rows."""
        connection = self.connect(name)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM (FREEZE, ANALYZE)")
        finally:
            connection.close()

    def seal(self, name, mark):
        """Nobody may connect to or drop ``name`` any more; it can only be cloned."""
        self._alter(name, mark, "IS_TEMPLATE true", "ALLOW_CONNECTIONS false")

    def publish(self, name, mark):
        """Make ``name`` visible to web requests and crons, in one step."""
        self._alter(name, mark, "IS_TEMPLATE false")

    def hide(self, name, mark):
        """Stop crons from seeing ``name`` and end every session in it; backups still work."""
        self._alter(name, mark, "IS_TEMPLATE true")

    def _alter(self, name, mark, *options):
        with self._autocommit() as cursor:
            self._require(cursor, name, mark)
            for option in options:
                cursor.execute(sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(name), sql.SQL(option)))
            if "IS_TEMPLATE true" in options:
                self._terminate(cursor, name)

    def _require(self, cursor, name, mark):
        database = self._find(cursor, name)
        if not database or database.comment != str(mark):
            raise NotOurs(name)

    def _terminate(self, cursor, name):
        """End the client sessions of our own role in ``name``, one by one.

        One statement over all sessions fails as a whole on the first that is not ours
        (autovacuum, a superuser).
        """
        cursor.execute(
            """
            SELECT pid FROM pg_stat_activity
             WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()
               AND backend_type = 'client backend'
            """,
            [name],
        )
        for (pid,) in cursor.fetchall():
            with contextlib.suppress(errors.InsufficientPrivilege):
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    # -- removing --------------------------------------------------------------------------

    def drop(self, name, mark, unmarked_is_ours=False):
        """Remove ``name`` for good, also while clients keep reconnecting.

        Connections are refused first, so that a reconnecting client cannot win the race;
        ``unmarked_is_ours`` settles a crash between CREATE and COMMENT and may be given only by
        a caller that has recorded its intent to create this very name.
        :return: whether there was something to drop
        """
        with self._autocommit() as cursor:
            database = self._find(cursor, name)
            if not database:
                return False
            if not (database.comment == str(mark) or (unmarked_is_ours and not database.comment)):
                raise NotOurs(name)
            identifier = sql.Identifier(name)
            # PostgreSQL refuses to alter what an interrupted DROP has left; it can only be dropped.
            with contextlib.suppress(errors.ObjectNotInPrerequisiteState):
                for option in ("ALLOW_CONNECTIONS false", "IS_TEMPLATE false"):
                    cursor.execute(sql.SQL("ALTER DATABASE {} {}").format(identifier, sql.SQL(option)))
            self._drop_disconnected(cursor, name)
            return True

    def _drop_disconnected(self, cursor, name):
        for attempt in range(1, DROP_ATTEMPTS + 1):
            self._terminate(cursor, name)
            force = sql.SQL(" WITH (FORCE)") if attempt > 1 else sql.SQL("")
            try:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}{}").format(sql.Identifier(name), force))
                return
            except (errors.ObjectInUse, errors.InsufficientPrivilege):
                if attempt == DROP_ATTEMPTS:
                    raise
