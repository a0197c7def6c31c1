from collections import defaultdict

from odoo import api, fields, models
from odoo.http import root

from ..tools import session_files
from ..tools.catalogue import TextTable, read_texts, text_tables
from ..tools.identity import Identity, Scanner

NOTIFICATIONS = {"bus_bus"}  # browsers that still wait for one reload what it was about: a name is enough
OWN_TABLES = ("lokario_account_deletion", "lokario_account_residue")  # they hold what is searched for


class ErasureSearch(models.AbstractModel):
    """Looks through every text of the database for people whose accounts have just been erased."""

    _name = "lokario.erasure.search"
    _description = "Search for What an Erasure Left"

    @api.model
    def _look_for(self, deletions):
        """Record what still names these people, in one pass for all of them.

        The tables and columns come from PostgreSQL's catalogue: modules nobody here knows are searched too.
        """
        self.env.flush_all()
        identities = {deletion.id: Identity.of(deletion.identifiers) for deletion in deletions}
        scanner = Scanner(identities)
        people = {deletion.id: set(deletion.identifiers["people"]) for deletion in deletions}
        self.env["lokario.erasure.messages"]._forget_tracked(set().union(*people.values()))
        tables = text_tables(self.env.cr, without=OWN_TABLES)
        rows = 0
        for table in tables:
            found, count = self._found_in(table, scanner, people)
            rows += count
            self.env["lokario.account.residue"].create(
                [
                    {"deletion_id": owner, "table": table.name, "column": column, "row_keys": keys, "key": table.key}
                    for (owner, column), keys in found.items()
                ]
            )
        columns = sum(len(table.columns) for table in tables)
        sessions = self._end_sessions(scanner, set().union(*people.values()))
        searched = {"tables": len(tables), "columns": columns, "rows": rows, "sessions": sessions}
        deletions.write({"searched_at": fields.Datetime.now(), "searched": searched})

    @api.model
    def _end_sessions(self, scanner: Scanner, people: set[str]) -> int:
        """Delete the sessions of these people and those that name them; return how many there were in all."""
        count, ended = 0, set()
        for identifier, user, text in session_files.sessions(root.session_store.path, self.env.cr.dbname):
            count += 1
            if user in people or scanner.found(text)[0]:
                ended.add(identifier)
        root.session_store.delete_from_identifiers(sorted(ended))
        return count

    @api.model
    def _found_in(self, table: TextTable, scanner: Scanner, people: dict[int, set[str]]):
        """Return {(deletion id, column): [row, …]} and how many rows were read."""
        found = defaultdict(list)

        def handle(key, row_people, texts):
            strong, weak = scanner.found(" ".join(texts))
            named = strong | {owner for owner in weak if table.name in NOTIFICATIONS or people[owner] & row_people}
            if table.name == "res_users":  # the user's own row goes in the next step
                named = {owner for owner in named if not people[owner] & row_people}
            if not named:
                return
            for column, text in zip(table.columns, texts, strict=False):
                here = set().union(*scanner.found(text))
                for owner in named & here:
                    found[owner, column].append(key)

        return found, read_texts(self.env.cr, table, handle)
