from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import NamedTuple

from odoo import api, models

from odoo.addons.lokario_base.tools.transaction import retrying, transaction

from ..tools.refusal import refusal_of

IN_REQUEST = 5000  # people of a journal that is written before the call is answered; a longer one is a job's
PIECE = 2000  # people written in one transaction of that job: nobody waits for it longer than a moment

SEGMENTS = "/* segments */"  # the place of a condition that segments compile
# Everybody the lists and tags name is in the journal, those who must not be written to included.
AUDIENCE = f"""
SELECT c.tenant_id, c.company_id, c.id AS contact_id, c.email, refusal.reason AS answer,
       CASE WHEN (hashtext(c.email || %(campaign_id)s) & 2147483647) %% 100 < %(share_b)s THEN 1 ELSE 0 END AS variant,
       CASE WHEN refusal.state IS NOT NULL THEN refusal.state
            WHEN (hashtext('test' || c.email || %(campaign_id)s) & 2147483647) %% 100 < %(test_share)s THEN 'queued'
            ELSE 'held' END AS state
  FROM engine_contact c LEFT JOIN LATERAL ({refusal_of("c", "c")}) refusal ON true
 WHERE c.tenant_id = %(tenant_id)s
   AND (NOT %(by_list)s OR EXISTS (SELECT FROM engine_contact_list_rel l
                                    WHERE l.contact_id = c.id AND l.list_id = ANY(%(list_ids)s)))
   AND (NOT %(by_tag)s OR EXISTS (SELECT FROM engine_contact_tag_rel t
                                   WHERE t.contact_id = c.id AND t.tag_id = ANY(%(tag_ids)s)))
   AND ({SEGMENTS})
"""  # noqa: S608 constants
COUNT = f"""
SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'held'),
       count(*) FILTER (WHERE state NOT IN ('queued', 'held'))
  FROM ({AUDIENCE}) audience
"""  # noqa: S608 constants
COUNT_SEGMENT = f"SELECT count(*), count(*) FILTER (WHERE state = 'queued') FROM ({AUDIENCE}) audience"  # noqa: S608
# The chunk of the 1st, 2nd, 3rd… who waits.
PLACES = """
SELECT row_number() OVER (ORDER BY chunk.number) AS place, chunk.id AS chunk_id
  FROM unnest(%(chunk_ids)s::int[], %(sizes)s::int[]) WITH ORDINALITY AS chunk (id, size, number),
       generate_series(1, chunk.size)
"""
# Contact by contact: PostgreSQL would read a whole list anew for each piece.
ONE_BY_ONE = AUDIENCE.replace("EXISTS (SELECT FROM", "(SELECT count(*) > 0 FROM")
# A line is in its chunk from the beginning: a second version of it would take the room of the one to come. KEY SHARE: a
# contact that is deleted meanwhile is left out.
POPULATE = f"""
WITH piece AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY state ORDER BY contact_id) + %(placed)s AS place
      FROM ({ONE_BY_ONE} AND c.id > %(after)s ORDER BY c.id LIMIT %(size)s FOR KEY SHARE OF c) audience
), written AS (
    INSERT INTO engine_campaign_recipient
           (campaign_id, tenant_id, company_id, contact_id, email, variant, state, answer, chunk_id, attempts)
    SELECT %(campaign_id)s, tenant_id, company_id, contact_id, email, variant, state, answer, places.chunk_id, 0
      FROM piece LEFT JOIN ({PLACES}) places ON places.place = piece.place AND state = 'queued'
     ORDER BY contact_id
        ON CONFLICT DO NOTHING
)
SELECT max(contact_id), count(*) FILTER (WHERE state = 'queued') FROM piece
"""  # noqa: S608 constants
WRITTEN = """
SELECT coalesce(max(contact_id), 0), count(*) FILTER (WHERE state <> 'held' AND chunk_id IS NOT NULL)
  FROM engine_campaign_recipient WHERE campaign_id = %(campaign_id)s
"""
ASSIGN = f"""
UPDATE engine_campaign_recipient r SET chunk_id = places.chunk_id
  FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM engine_campaign_recipient
         WHERE campaign_id = %(campaign_id)s AND state = 'queued' AND chunk_id IS NULL
           AND (%(message_id)s IS NULL OR message_id = %(message_id)s)) waiting
  JOIN ({PLACES}) places USING (place)
 WHERE r.id = waiting.id
"""  # noqa: S608 constants
POPULATE_MESSAGE = f"""
INSERT INTO engine_campaign_recipient
       (campaign_id, message_id, tenant_id, company_id, contact_id, email, variant, state, answer, attempts)
SELECT %(campaign_id)s, %(message_id)s, p.tenant_id, p.company_id, c.id, p.email, 0,
       coalesce(refusal.state, 'queued'), refusal.reason, 0
  FROM (SELECT address.email, address.number, t.id AS tenant_id, t.company_id
          FROM unnest(%(emails)s) WITH ORDINALITY AS address (email, number), engine_tenant t
         WHERE t.id = %(tenant_id)s) p
  LEFT JOIN engine_contact c ON c.tenant_id = p.tenant_id AND c.email = p.email
  LEFT JOIN LATERAL ({refusal_of("p", "c")}) refusal ON true
 ORDER BY p.number
"""  # noqa: S608 constants

WAITING = """
SELECT id, variant FROM engine_campaign_recipient
 WHERE campaign_id = %(campaign_id)s AND state = 'queued' AND chunk_id IS NULL AND mailwizz_part_id IS NULL
"""
RELEASE_HELD = """
UPDATE engine_campaign_recipient SET state = 'queued', variant = %(variant)s
 WHERE campaign_id = %(campaign_id)s AND state = 'held'
"""
COUNT_WAITING = f"SELECT count(*) FROM ({WAITING}) waiting"  # noqa: S608 constants
VARIANTS = f"""
SELECT DISTINCT variant FROM ({WAITING} ORDER BY id LIMIT %(emails)s) waiting ORDER BY variant
"""  # noqa: S608 constants
ASSIGN_PARTS = f"""
UPDATE engine_campaign_recipient r SET mailwizz_part_id = part.id
  FROM ({WAITING} ORDER BY id LIMIT %(emails)s) waiting
  JOIN engine_mailwizz_part part ON part.id = ANY(%(part_ids)s) AND part.variant = waiting.variant
 WHERE r.id = waiting.id
"""  # noqa: S608 constants


class Counted(NamedTuple):
    """People of an audience."""

    waiting: int
    """Who may be written to now."""
    held: int
    """Who waits for the winner of a test."""
    refused: int
    """Who must not be written to."""


class EngineCampaignAudience(models.AbstractModel):
    """Whom a campaign is for: counted, written into its journal, given to its chunks."""

    _name = "engine.campaign.audience"
    _description = "Audience of a campaign"

    @api.model
    def _count(self, campaign):
        """Return the `Counted` people of a campaign that is about to start."""
        self.env.flush_all()
        self.env.cr.execute(*self._with_segments(COUNT, campaign.segment_ids, self._get_values(campaign)))
        return Counted(*self.env.cr.fetchone())

    @api.model
    def _count_segment(self, segment):
        """Return (how many contacts fit, how many of them may be written to)."""
        self.env.flush_all()
        everybody = {"by_list": False, "list_ids": [], "by_tag": False, "tag_ids": []}
        values = {"campaign_id": 0, "tenant_id": segment.tenant_id._origin.id, "share_b": 0, "test_share": 100}
        self.env.cr.execute(*self._with_segments(COUNT_SEGMENT, segment, {**values, **everybody}))
        return self.env.cr.fetchone()

    def _with_segments(self, statement, segments, values):
        condition, given = segments._compile()
        return statement.replace(SEGMENTS, condition), {**values, **given}

    @api.model
    def _populate(self, campaign, chunks=None):
        """Write the journal's lines, those who wait into the chunks as far as these reach."""
        chunks = chunks or self.env["engine.campaign.chunk"]
        self.env.flush_all()
        self._write_piece(self.env.cr, campaign, chunks, after=0, placed=0, size=None)
        campaign.invalidate_recordset()
        self.env["engine.campaign.recipient"].invalidate_model()

    @api.model
    def _populate_by_pieces(self, campaign, chunks, renew):
        """Write the journal's lines that are missing, each piece in a short transaction of its own.

        :param renew: called before each piece
        """
        with transaction(self.env) as cr:
            cr.execute(WRITTEN, {"campaign_id": campaign.id})
            after, placed = cr.fetchone()
        while after is not None:
            renew()
            after, waiting = retrying(
                lambda after=after, placed=placed: self._write_next(campaign, chunks, after, placed)
            )
            placed += waiting
        self.env.invalidate_all()

    def _write_next(self, campaign, chunks, after, placed):
        with transaction(self.env) as cr:
            return self._write_piece(cr, campaign, chunks, after=after, placed=placed, size=PIECE)

    def _write_piece(self, cr, campaign, chunks, **place):
        """(the last contact of the piece, None where nobody is left; how many of it wait).

        :param place: after (a contact), placed (people who wait before it), size (None: all)
        """
        chunks, place["placed"] = self._find_chunks(chunks, place["placed"], place["size"])
        values = {**self._get_values(campaign), **place, "chunk_ids": chunks.ids, "sizes": chunks.mapped("size")}
        cr.execute(*self._with_segments(POPULATE, campaign.segment_ids, values))
        return cr.fetchone()

    @api.model
    def _find_chunks(self, chunks, placed, size):
        """(the chunks of the next people, of whom there are `size`; how many of these chunks' places are taken)."""
        ends = list(accumulate(chunks.mapped("size")))
        first = bisect_right(ends, placed)
        last = None if size is None else bisect_left(ends, placed + size) + 1
        return chunks[first:last], placed - (ends[first - 1] if first else 0)

    @api.model
    def _assign(self, campaign, chunks, message=None):
        """Give those who wait, or those of one message, to new chunks."""
        self._fill(ASSIGN, {"campaign_id": campaign.id, "message_id": message.id if message else None}, chunks)

    @api.model
    def _populate_message(self, message, addresses):
        """Write the journal's lines of a message; who must not be written to has one too."""
        stream = message.campaign_id
        values = {"campaign_id": stream.id, "tenant_id": stream.tenant_id.id, "message_id": message.id}
        self.env.flush_all()
        self.env.cr.execute(POPULATE_MESSAGE, {**values, "emails": addresses})
        self.env.invalidate_all(flush=False)

    @api.model
    def _release_held(self, campaign, variant):
        """Let those who waited for the end of a test get the subject that won."""
        self.env.flush_all()
        self.env.cr.execute(RELEASE_HELD, {"campaign_id": campaign.id, "variant": variant})
        self.env["engine.campaign.recipient"].invalidate_model()

    @api.model
    def _count_waiting(self, campaign):
        """Return how many people wait who are in no chunk, and in no part at MailWizz."""
        self.env.flush_all()
        self.env.cr.execute(COUNT_WAITING, {"campaign_id": campaign.id})
        return self.env.cr.fetchone()[0]

    @api.model
    def _find_variants(self, campaign, emails):
        """Return the variants of the first `emails` people who wait."""
        self.env.flush_all()
        self.env.cr.execute(VARIANTS, {"campaign_id": campaign.id, "emails": emails})
        return [variant for (variant,) in self.env.cr.fetchall()]

    @api.model
    def _assign_parts(self, campaign, parts, emails):
        """Give the first `emails` people who wait to the parts of their variants."""
        self.env.flush_all()
        self.env.cr.execute(ASSIGN_PARTS, {"campaign_id": campaign.id, "emails": emails, "part_ids": parts.ids})
        self.env["engine.campaign.recipient"].invalidate_model()

    def _get_values(self, campaign):
        return {
            "campaign_id": campaign.id,
            "tenant_id": campaign.tenant_id.id,
            "share_b": campaign.share_b if campaign.subject_b else 0,
            "test_share": campaign.test_share if campaign.winner_by else 100,
            "by_list": bool(campaign.list_ids),
            "list_ids": campaign.list_ids.ids,
            "by_tag": bool(campaign.tag_ids),
            "tag_ids": campaign.tag_ids.ids,
        }

    def _fill(self, statement, values, chunks):
        chunks = chunks or self.env["engine.campaign.chunk"]
        self.env.flush_all()
        self.env.cr.execute(statement, {**values, "chunk_ids": chunks.ids, "sizes": chunks.mapped("size")})
        self.env["engine.campaign.recipient"].invalidate_model()
