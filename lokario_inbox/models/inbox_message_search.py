import re

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.search_terms import MAX_INDEXED, fold, parse_query, prefix_lexeme

_AT_ONCE, _BATCH = 60, 200  # mails
_MARKUP, _PARTS = re.compile(r"[<>\"(),;:]"), re.compile(r"[@._+-]")
_WEIGHTED = """setweight(to_tsvector('french', v.subject) || to_tsvector('english', v.subject), 'A')
    || setweight(to_tsvector('simple', v.people), 'B')
    || to_tsvector('french', v.body) || to_tsvector('english', v.body)"""


class InboxMessage(models.Model):
    _inherit = "inbox.message"

    def init(self):
        super().init()
        self.env.cr.execute("ALTER TABLE inbox_message ADD COLUMN IF NOT EXISTS search_vector tsvector")
        self.env.cr.execute(
            "CREATE INDEX IF NOT EXISTS inbox_message_search_idx ON inbox_message USING gin (search_vector)"
        )
        self.env.cr.execute(
            "CREATE INDEX IF NOT EXISTS inbox_message_unindexed_idx ON inbox_message (id) WHERE search_vector IS NULL"
        )

    def _index_soon(self):
        """Index a few mails at once; a first synchronisation leaves its thousands to the background."""
        if len(self) <= _AT_ONCE:
            self._index_for_search()
        else:
            self.env.ref("lokario_inbox.ir_cron_search_index").sudo()._trigger()

    @api.model
    def _cron_index(self):
        """Index the mails that wait, newest first."""
        commit_progress = self.env["ir.cron"]._commit_progress
        while True:
            self.env.cr.execute(
                "SELECT id FROM inbox_message WHERE search_vector IS NULL ORDER BY id DESC LIMIT %s", [_BATCH]
            )
            batch = self.sudo().browse([row[0] for row in self.env.cr.fetchall()])
            if batch:
                batch._index_for_search()
                batch.invalidate_recordset()
            if not commit_progress(len(batch), remaining=len(batch) == _BATCH) or len(batch) < _BATCH:
                return

    def _index_for_search(self):
        """Write the full-text vectors of the mails: French and English stems of folded words."""
        rows = [
            (
                message.id,
                fold(message.subject),
                message._people_for_search(),
                fold((message.body_text or "")[:MAX_INDEXED]),
            )
            for message in self
        ]
        self.env.cr.execute_values(
            f"""UPDATE inbox_message m SET search_vector = {_WEIGHTED}
                  FROM (VALUES %s) AS v(id, subject, people, body) WHERE m.id = v.id""",  # noqa: S608 - constant
            rows,
            page_size=1000,
        )

    def _people_for_search(self):
        people = fold(" ".join(filter(None, (self.email_from, self.email_to, self.email_cc))))[:4000]
        addresses = _MARKUP.sub(" ", people)  # "<anna@client.com>" would be skipped as an XML tag
        return f"{addresses} {_PARTS.sub(' ', addresses)}"

    def _conversation_search_domain(self, text):
        """Return the domain of conversations whose mails match what a person typed."""
        query = parse_query(text)
        if not query:
            return Domain.TRUE
        condition = SQL(" AND ").join(self._search_conditions(query))

        def to_sql(model, alias, _query):
            return SQL(
                "%s IN (SELECT m.conversation_id FROM inbox_message m WHERE m.deleted_at IS NULL AND %s)",
                SQL.identifier(alias, "id"),
                condition,
            )

        return Domain.custom(to_sql=to_sql)

    def _search_conditions(self, query):
        conditions = []
        for position, term in enumerate(query.terms):
            conditions.append(self._term_condition(term, is_last=position == len(query.terms) - 1))
        for column, words in (("from", query.people["from"]), ("to", query.people["to"])):
            fields = ("email_from",) if column == "from" else ("email_to", "email_cc")
            conditions += [self._people_condition(fields, word) for word in words]
        if query.before:
            conditions.append(SQL("m.date < %s", query.before))
        if query.after:
            conditions.append(SQL("m.date >= %s", query.after))
        if "attachment" in query.flags:
            conditions.append(SQL("m.has_attachments IS TRUE"))
        if "unread" in query.flags:
            conditions.append(SQL("m.is_seen IS NOT TRUE AND m.direction = 'in'"))
        return conditions

    def _term_condition(self, term, *, is_last):
        function = SQL("phraseto_tsquery") if term.phrase else SQL("plainto_tsquery")
        parts = [SQL("%s('french', %s)", function, term.text), SQL("%s('english', %s)", function, term.text)]
        if not term.phrase:
            parts.append(SQL("plainto_tsquery('simple', %s)", term.text))
        lexeme = prefix_lexeme(term.text) if is_last and not term.phrase and len(term.text) > 2 else ""
        if lexeme:
            parts.append(SQL("to_tsquery('simple', %s)", lexeme))
        vector = SQL("m.search_vector")
        if term.weight:
            vector = SQL("ts_filter(m.search_vector, '{a}')")
        match = SQL("%s @@ (%s)", vector, SQL(" || ").join(parts))
        if term.weight:  # the unfiltered vector first: it has the index
            match = SQL("m.search_vector @@ (%s) AND %s", SQL(" || ").join(parts), match)
        return SQL("NOT (%s)", match) if term.negated else match

    def _people_condition(self, columns, word):
        """People are matched by words of name or address, through the index of the vector."""
        lexeme = SQL("plainto_tsquery('simple', %s)", _PARTS.sub(" ", word))
        texts = SQL(" || ' ' || ").join(SQL("coalesce(%s, '')", SQL.identifier("m", name)) for name in columns)
        return SQL(
            "m.search_vector @@ %s AND lower(%s) LIKE %s",
            lexeme,
            texts,
            "%" + word.replace("\\", "").replace("%", "").replace("_", r"\_") + "%",
        )
