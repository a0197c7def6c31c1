"""A client's database with its files: what is done to them as a whole."""

import dataclasses

from ..exceptions import NotClean
from .filestore import may_give_files

FIRST_UID = 300_000  # operating-system users of instances are this and the record's number
CONNECTIONS = 12  # of one instance's role
PATIENCE = 60  # seconds for a look or a change of ours in a database where a client works


@dataclasses.dataclass(frozen=True)
class Tenant:
    """What an instance with a process of its own has: PostgreSQL role, its password, operating-system user."""

    role: str
    password: str = dataclasses.field(repr=False)
    number: int

    @property
    def uid(self):
        """The user of its process and files; 0 where this machine gives it none."""
        return FIRST_UID + self.number if may_give_files() else 0


class InstanceDatabase:
    """Database ``name``, ours by its ownership ``tag``.

    With a ``tenant`` it has a role of its own, files below ``homes`` and a ``process`` run by `lokario_host`; without
    one it shares role, ``filestore`` and process with the manager.
    """

    def __init__(self, postgres, name, tag, filestore, homes, tenant=None, process=None):
        self.postgres = postgres
        self.name = name
        self.tag = tag
        self.filestore = filestore
        self.homes = homes
        self.tenant = tenant
        self.process = process

    @property
    def folder(self):
        """Where its attachments lie."""
        return (self.homes if self.tenant else self.filestore).path(self.name)

    def clone(self, template):
        """Copy the sealed ``template``, invisible to every web request and cron, and its files."""
        self.postgres.clone_hidden(template, self.name, self.tag)
        if self.tenant:
            self.homes.adopt(self.filestore.path(template), self.name)
        else:
            self.filestore.clone(template, self.name)

    def manager_session(self):
        """One transaction inside as the manager; of an instance with a role only before it is handed over."""
        return self.postgres.session(self.name)

    def session(self, seconds=PATIENCE):
        """One transaction inside as whoever works there: what a client left runs with his rights, and not for long."""
        postgres = self.postgres.as_role(self.tenant.role, self.tenant.password) if self.tenant else self.postgres
        return postgres.session(self.name, seconds)

    def size(self):
        """Bytes of it; who works there may not ask for the size of databases."""
        return self.postgres.size(self.name)

    def hand_over(self, connection):
        """Make everything inside the tenant's own; the last thing that the manager's role does there."""
        if self.tenant:
            if not self.postgres.is_closed(connection):
                raise NotClean("pg_database, pg_roles; build the template again (deploy/postgresql.sql)")
            self.postgres.create_role(self.name, self.tenant.role, self.tenant.password, CONNECTIONS)
            self.postgres.hand_over(connection, self.tenant.role)
            self.homes.give(self.name, self.tenant.uid)

    def await_visitors(self):
        """Return once visitors are answered; its route leads to it."""
        if self.tenant:
            self.process.await_socket()

    def open(self):
        """Let its people, programs and scheduled actions in, as soon as its route leads to it."""
        self.postgres.publish(self.name, self.tag)
        if self.tenant:
            self.postgres.let_in(self.tenant.role, self.tenant.password)

    def close(self):
        """End its process, then every session, and let nobody in but backups; its route has been closed before."""
        if self.tenant:
            self.process.await_end()
            self.postgres.shut_out(self.name, self.tenant.role)
        else:
            self.postgres.hide(self.name, self.tag)

    def isolate(self):
        """Move a database of the shared process to its tenant: role, home and user; done again it does what is left.

        Its route is closed meanwhile. The files of the shared process stay until the caller removes them.
        """
        self.postgres.hide(self.name, self.tag)
        self.homes.remove(self.name)
        self.homes.adopt(self.filestore.path(self.name), self.name)
        self.postgres.close(self.name)
        with self.manager_session() as connection:
            self.hand_over(connection)

    def drop(self, unmarked_is_ours=False):
        """Remove database, files and role, as far as they are there."""
        if self.tenant and self.postgres.has_role(self.tenant.role):
            self.close()
        self.postgres.drop(self.name, self.tag, unmarked_is_ours)
        self.filestore.remove(self.name)
        if self.tenant:
            self.homes.remove(self.name)
            self.postgres.drop_role(self.tenant.role)
