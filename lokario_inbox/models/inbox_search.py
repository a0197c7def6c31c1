import re

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.search_terms import MAX_INDEXED, fold, parse_query, prefix_lexeme

_SMALL, _BATCH = 40, 200  # mails; the first page of a first synchronisation is more than a few
_SUBJECT = 2000  # characters of a subject that are searched
_FREQUENT = 0.04  # share of all mail; a typed beginning of a word is taken for 0.02 at least
_MARKUP, _PARTS = re.compile(r"[<>\"(),;:]"), re.compile(r"[@._+-]")
_WEIGHTED = """setweight(to_tsvector('french', v.subject) || to_tsvector('english', v.subject), 'A')
    || setweight(to_tsvector('simple', v.people), 'B')
    || to_tsvector('french', v.body) || to_tsvector('english', v.body)"""


class InboxSearch(models.AbstractModel):
    """The full-text index of mails, and what users type into the search of the inbox."""

    _name = "inbox.search"
    _description = "Search in e-mails"

    # === INDEX === #

    @api.model
    def _index_soon(self, messages):
        """Index a few mails immediately; a first synchronisation leaves its thousands to the background."""
        if len(messages) <= _SMALL:
            self._index(messages)
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
            batch = self.env["inbox.message"].sudo().browse([row[0] for row in self.env.cr.fetchall()])
            if batch:
                self._index(batch)
                batch.invalidate_recordset()
            if not commit_progress(len(batch), remaining=len(batch) == _BATCH) or len(batch) < _BATCH:
                return

    @api.model
    def _index(self, messages):
        """Write the full-text vectors of the mails: French and English stems of folded words."""
        rows = [
            (
                message.id,
                fold(message.subject),
                self._people(message),
                fold((message.body_text or "")[:MAX_INDEXED]),
            )
            for message in messages
        ]
        self.env.cr.execute_values(
            f"""UPDATE inbox_message m SET search_vector = {_WEIGHTED}
                  FROM (VALUES %s) AS v(id, subject, people, body) WHERE m.id = v.id""",  # noqa: S608 - constant
            rows,
            page_size=1000,
        )

    @api.model
    def _people(self, message):
        people = fold(" ".join(filter(None, (message.email_from, message.email_to, message.email_cc))))[:4000]
        addresses = _MARKUP.sub(" ", people)  # "<anna@client.com>" would be skipped as an XML tag
        return f"{addresses} {_PARTS.sub(' ', addresses)}"

    # === QUERY === #

    @api.model
    def _domain(self, text):
        """Return the domain of conversations whose mails match what a person typed."""
        query = parse_query(text)
        if not query:
            return Domain.TRUE
        condition = SQL(" AND ").join([SQL("m.deleted_at IS NULL"), *self._conditions(query)])
        if self._is_frequent(query):
            found = "EXISTS (SELECT FROM inbox_message m WHERE m.conversation_id = %s AND %s)"
        else:
            found = "%s = ANY(ARRAY(SELECT m.conversation_id FROM inbox_message m WHERE %s))"
        return Domain.custom(to_sql=lambda _model, alias, _query: SQL(found, SQL.identifier(alias, "id"), condition))

    @api.model
    def _is_frequent(self, query):
        """Whether so much mail holds the words that walking the newest conversations finds them sooner.

        PostgreSQL's own estimate decides: it cannot weigh the two ways itself, because it takes the rare
        words for as frequent as the typed beginning of a word.
        """
        words = self._word_conditions(query.terms)
        if not words:
            return False
        (rows,) = self.env.execute_query(
            SQL("EXPLAIN (FORMAT JSON) SELECT FROM inbox_message m WHERE %s", SQL(" AND ").join(words))
        )
        ((total,),) = self.env.execute_query(
            SQL("SELECT reltuples FROM pg_class WHERE oid = 'inbox_message'::regclass")
        )
        return rows[0][0]["Plan"]["Plan Rows"] > max(_FREQUENT * total, 1000)

    @api.model
    def _conditions(self, query):
        conditions = self._word_conditions(query.terms)
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

    @api.model
    def _word_conditions(self, terms):
        """All words in ONE tsquery: the index then starts from the rarest of them."""
        if not terms:
            return []
        words = [(term, self._tsquery(term, is_last=term is terms[-1])) for term in terms]
        query = SQL(" && ").join(SQL("!! %s", word) if term.negated else word for term, word in words)
        in_subject = [
            SQL("ts_filter(m.search_vector, '{a}') @@ %s", word)
            for term, word in words
            if term.weight and not term.negated
        ]
        return [SQL("m.search_vector @@ (%s)", query), *in_subject]

    @api.model
    def _tsquery(self, term, *, is_last):
        """French or English stem or the word itself; the last word may still be being typed."""
        function = SQL("phraseto_tsquery" if term.phrase else "plainto_tsquery")
        parts = [SQL("%s('french', %s)", function, term.text), SQL("%s('english', %s)", function, term.text)]
        if not term.phrase:
            parts.append(SQL("plainto_tsquery('simple', %s)", term.text))
            lexeme = prefix_lexeme(term.text) if is_last and len(term.text) > 2 else ""
            if lexeme:
                parts.append(SQL("to_tsquery('simple', %s)", lexeme))
        return SQL("(%s)", SQL(" || ").join(parts))

    @api.model
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
