"""Everything this addon does to whole databases, over plain psycopg2.

CREATE, ALTER and DROP DATABASE go through a private autocommit connection, never through an Odoo
cursor. A database is ours only while its comment says so: see :class:`OwnershipTag`.
"""

import contextlib
import dataclasses
import os
import socket
import threading

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import encrypt_password

from ..exceptions import DatabaseExists, OwnershipError, ServerUnreachable

CONNECT_TIMEOUT = 5  # seconds
# Instead of what a client has set for his role: which functions we mean, as whom they run, whether they may write.
OUR_SETTINGS = "-c search_path=public -c role=none -c default_transaction_read_only=off"
DROP_ATTEMPTS = 5
TAG = "lokario-saas"
SEED = "lokario_seed"
TENANTS = "lokario_tenants"
LOCKERS = "lokario_lockers"
NEED_ADVISORY_LOCKS = ("lokario_mailbox", "queue_job")  # addons; Odoo's own need none
NEEDS_ADVISORY_LOCKS = "SELECT 1 FROM ir_module_module WHERE state = 'installed' AND name IN %s LIMIT 1"
PREPARED = f"""
SELECT 1 FROM pg_auth_members WHERE roleid = to_regrole('{TENANTS}') AND admin_option
   AND member = current_user::regrole AND EXISTS (SELECT FROM pg_database WHERE datname = '{SEED}')
"""  # noqa: S608  constants
CLUSTER = "SELECT system_identifier FROM pg_control_system()"
LOG_SEQUENCES_ANEW = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, coalesce(last_value, start_value),
              last_value IS NOT NULL)
  FROM pg_sequences WHERE pg_has_role(sequenceowner, 'USAGE')
"""
CLOSED = """
SELECT NOT has_table_privilege('public', 'pg_catalog.pg_database', 'SELECT')
   AND NOT has_function_privilege('public', 'pg_catalog.pg_describe_object(oid, oid, integer)', 'EXECUTE')
"""
OPEN_TO_ALL = """
SELECT 1 FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
 WHERE datname = %s AND grantee = 0 AND privilege_type = 'CONNECT'
"""
# ALTER … OWNER TO for what belongs to the current role; what hangs on another object follows it.
OBJECTS = """
WITH mine AS (SELECT oid FROM pg_roles WHERE rolname = current_user),
member AS (SELECT classid, objid FROM pg_depend WHERE deptype IN ('e', 'i', 'a'))
SELECT format('ALTER %%s %%s OWNER TO %%I',
              CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                           WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
              c.oid::regclass, %(role)s)
  FROM pg_class c
 WHERE relowner IN (SELECT oid FROM mine) AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_class'::regclass AND objid = c.oid)
UNION ALL
SELECT format('ALTER ROUTINE %%s OWNER TO %%I', p.oid::regprocedure, %(role)s)
  FROM pg_proc p
 WHERE proowner IN (SELECT oid FROM mine)
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
UNION ALL
SELECT format('ALTER TYPE %%s OWNER TO %%I', t.oid::regtype, %(role)s)
  FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE typowner IN (SELECT oid FROM mine) AND typelem = 0 AND (c.relkind = 'c' OR typtype IN ('e', 'd'))
UNION ALL
SELECT format('ALTER SCHEMA %%I OWNER TO %%I', nspname, %(role)s)
  FROM pg_namespace WHERE nspowner IN (SELECT oid FROM mine)
UNION ALL
SELECT format('ALTER LARGE OBJECT %%s OWNER TO %%I', oid, %(role)s)
  FROM pg_largeobject_metadata WHERE lomowner IN (SELECT oid FROM mine)
"""


@dataclasses.dataclass(frozen=True)
class OwnershipTag:
    """Who may change a database: one manager, for one of its instances or templates."""

    manager: str
    owner: str

    def __str__(self):
        return f"{TAG}:{self.manager}:{self.owner}"


@dataclasses.dataclass(frozen=True)
class Database:
    """One row of ``pg_database``, as far as we care."""

    name: str
    is_template: bool
    allow_connections: bool
    comment: str


@contextlib.contextmanager
def _cut_after(seconds, connection):
    """End ``connection`` under whoever waits for it, should it last longer than so many seconds (None: for ever)."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        timer = threading.Timer(seconds or 0, line.shutdown, [socket.SHUT_RDWR])
        if seconds:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()


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
    def session(self, database, seconds=None):
        """One transaction inside ``database``: committed at the end, undone on an error.

        After ``seconds`` the line is cut: who may put views and triggers there can trap whatever else would end it.
        """
        with contextlib.closing(self.connect(database)) as connection, _cut_after(seconds, connection), connection:
            yield connection

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

    def create_hidden(self, name, tag):
        """An empty database to build a template in, invisible to Odoo's lists and crons.

        Collation ``C`` is what Odoo itself asks for: more useful indexes. The seed (deploy/postgresql.sql) has
        closed the catalogues that name other clients; without one, instances cannot have a role of their own.
        """
        seed = SEED if self.find(SEED) else "template0"
        options = sql.SQL("TEMPLATE {} ENCODING 'unicode' LC_COLLATE 'C' IS_TEMPLATE true")
        self._create(name, tag, options.format(sql.Identifier(seed)))

    def clone_hidden(self, template, name, tag):
        """Copy the sealed ``template`` into ``name``, invisible until :meth:`publish`.

        Odoo lists, serves and runs crons only of databases with ``datistemplate`` false, so
        nothing can start in the copy before it is clean.
        """
        self._create(name, tag, sql.SQL("TEMPLATE {} IS_TEMPLATE true").format(sql.Identifier(template)))

    def _create(self, name, tag, options):
        with self._autocommit() as cursor:
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), options))
            except errors.DuplicateDatabase as err:
                raise DatabaseExists(name) from err
            identifier = sql.Identifier(name)
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, sql.Literal(str(tag))))
            cursor.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(identifier))

    def freeze(self, name):
        """Vacuum and analyze ``name``: its copies start with fresh statistics and frozen rows.

        Their sequences survive a crash: PostgreSQL logs 32 values ahead and copies how many of them are left, but not
        that log. A copy's first numbers would be given out again after a crash before the next checkpoint.
        """
        connection = self.connect(name)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(LOG_SEQUENCES_ANEW)
                cursor.execute("VACUUM (FREEZE, ANALYZE)")
        finally:
            connection.close()

    def seal(self, name, tag):
        """Nobody may connect to or drop ``name`` any more; it can only be cloned."""
        self._alter(name, tag, "IS_TEMPLATE true", "ALLOW_CONNECTIONS false")

    def publish(self, name, tag):
        """Make ``name`` visible to web requests and crons, in one step."""
        self._alter(name, tag, "IS_TEMPLATE false")

    def hide(self, name, tag):
        """Stop crons from seeing ``name`` and end every session in it; backups still work."""
        self._alter(name, tag, "IS_TEMPLATE true")

    def _alter(self, name, tag, *options):
        with self._autocommit() as cursor:
            self._require(cursor, name, tag)
            for option in options:
                cursor.execute(sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(name), sql.SQL(option)))
            if "IS_TEMPLATE true" in options:
                self._terminate(cursor, name)

    def _require(self, cursor, name, tag):
        database = self._find(cursor, name)
        if not database or database.comment != str(tag):
            raise OwnershipError(name)

    def _terminate(self, cursor, name):
        """End the client sessions in ``name``, one by one: ours and those of the instance's role.

        One statement over all sessions fails as a whole on the first that is not ours
        (autovacuum, a superuser).
        """
        cursor.execute(
            """
            SELECT pid FROM pg_stat_activity
             WHERE datname = %s AND pid <> pg_backend_pid()
               AND backend_type = 'client backend'
            """,
            [name],
        )
        for (pid,) in cursor.fetchall():
            with contextlib.suppress(errors.InsufficientPrivilege):
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    # -- roles of instances ----------------------------------------------------------------

    def is_prepared(self):
        """Whether deploy/postgresql.sql was run for this role."""
        with self._autocommit() as cursor:
            cursor.execute(PREPARED)
            return cursor.fetchone() is not None

    def is_closed(self, connection):
        """Whether the catalogues of this database that name others are closed (deploy/postgresql_catalogues.sql)."""
        with connection.cursor() as cursor:
            cursor.execute(CLOSED)
            return cursor.fetchone()[0]

    def has_visitor(self, database, application):
        """Whether a program called ``application`` is connected to ``database``."""
        with self._autocommit() as cursor:
            query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND application_name = %s"
            cursor.execute(query, [database, application])
            return cursor.fetchone() is not None

    def create_role(self, database, role, password, connections):
        """The role that may enter ``database`` and nothing else; done again it gets the given password."""
        with self._autocommit() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            command = "ALTER ROLE {}" if cursor.fetchone() else f"CREATE ROLE {{}} IN ROLE {TENANTS}"
            options = sql.SQL(command + " LOGIN NOINHERIT PASSWORD {} CONNECTION LIMIT {}")
            name = sql.Identifier(role)
            cursor.execute(
                options.format(name, sql.Literal(_verifier(cursor, role, password)), sql.Literal(connections))
            )
            cursor.execute(sql.SQL("GRANT {} TO current_user WITH SET TRUE, INHERIT FALSE").format(name))
            cursor.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(database), name)
            )

    def close(self, database):
        """Let nobody into ``database`` but those to whom it was opened; PostgreSQL's default is everybody."""
        with self._autocommit() as cursor:
            cursor.execute(OPEN_TO_ALL, [database])
            if cursor.fetchone():
                revoke = sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC")
                cursor.execute(revoke.format(sql.Identifier(database)))

    def hand_over(self, connection, role):
        """Give every object of ours in the database of ``connection`` to ``role``, one by one.

        Not by REASSIGN OWNED: it would give away our databases too. From then on only ``role`` works inside: what the
        client puts there (triggers, functions) runs with its rights, never with ours.
        """
        with connection.cursor() as cursor:
            cursor.execute(NEEDS_ADVISORY_LOCKS, [NEED_ADVISORY_LOCKS])
            if cursor.fetchone():
                self._admit_locker(role)
            cursor.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(role)))
            cursor.execute(OBJECTS, {"role": role})
            statements = [statement for (statement,) in cursor.fetchall()]
            if statements:
                cursor.execute(sql.SQL(";").join(map(sql.SQL, statements)))

    def _admit_locker(self, role):
        """Let ``role`` take advisory locks, where its PostgreSQL knows who may (deploy/postgresql.sql)."""
        with self._autocommit() as cursor:
            cursor.execute("SELECT to_regrole(%s)", [LOCKERS])
            if cursor.fetchone()[0]:
                grant = sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE")
                cursor.execute(grant.format(sql.Identifier(LOCKERS), sql.Identifier(role)))

    def shut_out(self, database, role):
        """Nobody enters ``database`` as ``role`` any more, and who is inside is sent out."""
        with self._autocommit() as cursor:
            cursor.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
            self._terminate(cursor, database)

    def let_in(self, role, password):
        """The contrary of :meth:`shut_out`; should the client have changed his role's password, ours is back."""
        with self._autocommit() as cursor:
            option = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
            cursor.execute(option.format(sql.Identifier(role), sql.Literal(_verifier(cursor, role, password))))

    def has_role(self, role):
        """Whether ``role`` is there: a provisioning may have ended before it was made."""
        with self._autocommit() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            return cursor.fetchone() is not None

    def drop_role(self, role):
        """Remove the role of an instance that is gone."""
        with self._autocommit() as cursor:
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))

    def as_role(self, role, password):
        """The same PostgreSQL, entered as ``role``, whatever its client has set for it."""
        entered = PostgresAdmin(**{**self._dsn, "user": role, "password": password})
        entered._dsn["options"] = OUR_SETTINGS
        return entered

    def size(self, database):
        """Bytes of ``database``."""
        with self._autocommit() as cursor:
            cursor.execute("SELECT pg_database_size(%s)", [database])
            return cursor.fetchone()[0]

    # -- removing --------------------------------------------------------------------------

    def drop(self, name, tag, unmarked_is_ours=False):
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
            if not (database.comment == str(tag) or (unmarked_is_ours and not database.comment)):
                raise OwnershipError(name)
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


def _verifier(cursor, role, password):
    """What PostgreSQL is told instead of the password, which so is in no log of its."""
    return encrypt_password(password, role, scope=cursor.connection, algorithm="scram-sha-256")
