from itertools import islice

from odoo import api, models

from odoo.addons.email_engine_bridge.tools.contact_rows import (
    MAX_ATTRIBUTES,
    Row,
    beyond_values,
    merge_rows,
    open_contacts,
    read_rows,
)
from odoo.addons.lokario_base.tools.copying import copy_rows

BATCH = 10_000  # rows copied at a time
ERRORS_SHOWN = 1000

COLUMNS = ("email", "first_name", "last_name", "attributes", "flag", "consent", "consent_source", "consent_at")
STAGE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS engine_contact_stage ({" text, ".join(COLUMNS)} text) ON COMMIT DROP;
TRUNCATE engine_contact_stage
"""
# Empty values keep what is known; a consent that was withdrawn is only given again with its source; (xmax = 0) is true
# for rows that were inserted. Values are added to a contact's others up to the limit of them all: a row beyond it
# changes nothing, and is not returned. One order for all, so that two imports cannot block each other.
UPSERT = """
INSERT INTO engine_contact AS c
       (tenant_id, company_id, email, first_name, last_name, attributes, flag, consent, consent_at, consent_source,
        create_uid, write_uid, create_date, write_date)
SELECT %(tenant_id)s, %(company_id)s, email, nullif(first_name, ''), nullif(last_name, ''),
       nullif(attributes, '')::jsonb, nullif(flag, ''), consent,
       CASE WHEN consent <> 'unknown' THEN coalesce(nullif(consent_at, '')::timestamp, %(now)s) END,
       nullif(consent_source, ''), %(uid)s, %(uid)s, %(now)s, %(now)s
  FROM engine_contact_stage ORDER BY email
    ON CONFLICT (tenant_id, email) DO UPDATE
   SET first_name = coalesce(EXCLUDED.first_name, c.first_name),
       last_name = coalesce(EXCLUDED.last_name, c.last_name),
       attributes = coalesce(c.attributes, '{}') || coalesce(EXCLUDED.attributes, '{}'),
       consent = CASE WHEN EXCLUDED.consent = 'unknown' THEN c.consent ELSE EXCLUDED.consent END,
       consent_at = CASE WHEN EXCLUDED.consent IN ('unknown', c.consent) THEN c.consent_at ELSE EXCLUDED.consent_at END,
       consent_source = CASE WHEN EXCLUDED.consent IN ('unknown', c.consent) THEN c.consent_source
                             ELSE EXCLUDED.consent_source END,
       write_uid = EXCLUDED.write_uid, write_date = EXCLUDED.write_date
 WHERE EXCLUDED.attributes IS NULL OR length((coalesce(c.attributes, '{}') || EXCLUDED.attributes)::text)
                                      <= greatest(%(most)s, length(c.attributes::text))
RETURNING email, (xmax = 0) AS inserted
"""
LINK = """
INSERT INTO {table} (contact_id, {column})
SELECT c.id, %(group_id)s FROM engine_contact c
 WHERE c.tenant_id = %(tenant_id)s AND c.email = ANY(%(emails)s) ON CONFLICT DO NOTHING
"""


class EngineContactIngest(models.AbstractModel):
    """Take many contacts in one body; the same body twice changes nothing the second time."""

    _name = "engine.contact.ingest"
    _description = "Contact import"

    @api.model
    def _ingest(self, tenant, body, content_type="", lists=(), tags=()):
        """Store the contacts of a JSON, NDJSON or CSV body for one tenant.

        Returns received, created, updated, flagged counts, the encoding and errors [{row, column, error}] (the first
        1000; `error_count` has them all). A row that cannot be used changes nothing else.
        """
        return self._ingest_rows(tenant, open_contacts(body, content_type), lists=lists, tags=tags)

    @api.model
    def _ingest_rows(self, tenant, opened, targets=None, lists=(), tags=(), on_batch=None):
        """Store the rows of a `ContactFile`; see `_ingest`.

        :param on_batch: called with (rows read so far, refused rows of this batch)
        """
        groups = {"lists": {}, "tags": {}}
        counts = ("received", "created", "updated", "role", "invalid", "error_count")
        summary = {**dict.fromkeys(counts, 0), "errors": [], "encoding": opened.encoding}
        rows = read_rows(opened, targets)
        while batch := list(islice(rows, BATCH)):
            good = [row for row in batch if isinstance(row, Row)]
            refused = [row for row in batch if not isinstance(row, Row)]
            if good:
                good, beyond = self._store(tenant, good, summary)
                refused += beyond
                self._link(tenant, good, groups, lists, tags)
            self._count(summary, good, refused)
            if on_batch:
                on_batch(summary["received"], refused)
        self.env["engine.contact"].invalidate_model()
        return summary

    def _count(self, summary, good, refused):
        summary["received"] += len(good) + len(refused)
        summary["error_count"] += len(refused)
        room = ERRORS_SHOWN - len(summary["errors"])
        summary["errors"] += [{"row": row[0], "column": row.error.column, "error": row[1]} for row in refused[:room]]
        for row in good:
            if row.flag:
                summary[row.flag] += 1

    def _store(self, tenant, rows, summary):
        """(rows that were stored, those that would give a contact too many values)."""
        cr = self.env.cr
        merged, beyond = merge_rows(rows)
        cr.execute(STAGE)
        copy_rows(cr, "engine_contact_stage", COLUMNS, ([getattr(row, name) for name in COLUMNS] for row in merged))
        values = {"tenant_id": tenant.id, "company_id": tenant.company_id.id, "uid": self.env.uid}
        cr.execute(UPSERT, {**values, "now": self.env.cr.now(), "most": MAX_ATTRIBUTES})
        inserted = dict(cr.fetchall())
        beyond += [beyond_values(row) for row in rows if row.email not in inserted]
        refused = {row[0] for row in beyond}
        stored = [row for row in rows if row.number not in refused]
        summary["created"] += sum(inserted.values())
        summary["updated"] += len(stored) - sum(inserted.values())
        return stored, beyond

    def _link(self, tenant, rows, groups, lists, tags):
        """Add the contacts to the lists and tags named by the call and by their rows."""
        for kind, given, model, table, column in (
            ("lists", lists, "engine.contact.list", "engine_contact_list_rel", "list_id"),
            ("tags", tags, "engine.contact.tag", "engine_contact_tag_rel", "tag_id"),
        ):
            members = {name: [row.email for row in rows] for name in given}
            for row in rows:
                for name in getattr(row, kind):
                    members.setdefault(name, []).append(row.email)
            statement = LINK.format(table=table, column=column)
            for name, emails in members.items():
                group_id = self._group_id(groups[kind], model, tenant, name)
                self.env.cr.execute(statement, {"group_id": group_id, "tenant_id": tenant.id, "emails": emails})

    def _group_id(self, known, model, tenant, name):
        if name not in known:
            group = self.env[model].search([("tenant_id", "=", tenant.id), ("name", "=", name)])
            known[name] = (group or self.env[model].create({"tenant_id": tenant.id, "name": name})).id
            self.env.flush_all()
        return known[name]
