from html import escape

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import ApiProblem
from odoo.addons.email_engine_bridge.tools.campaign_content import Content
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address
from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer
from odoo.addons.email_engine_bridge.tools.text_part import hold_jinja
from odoo.addons.lokario_base.tools.transaction import transaction

from ..tools.chunk_journal import REFUSE
from .engine_campaign_recipient import JOURNAL_DAYS, STATES
from .engine_event import NAMES

CONTENT_DAYS = 30  # for which what a message said is kept
PURGE_BATCH = 10_000

TAKEN = """
SELECT id, state FROM engine_campaign_recipient
 WHERE message_id = %(message_id)s AND state NOT IN ('suppressed', 'invalid', 'refused', 'failed') ORDER BY id
"""
FORGET_CONTENT = """
UPDATE engine_message SET content = NULL, data = NULL WHERE id IN (
    SELECT m.id FROM engine_message m
     WHERE m.content IS NOT NULL AND m.create_date < now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day'
       AND NOT EXISTS (SELECT FROM engine_campaign_recipient r
                        WHERE r.message_id = m.id AND r.state IN ('queued', 'handing', 'unknown'))
     LIMIT %(limit)s)
"""
FORGET = """
DELETE FROM engine_message WHERE id IN (
    SELECT id FROM engine_message
     WHERE create_date < now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day' LIMIT %(limit)s)
"""
FORGET_CHUNKS = """
DELETE FROM engine_campaign_chunk WHERE id IN (
    SELECT k.id FROM engine_campaign_chunk k JOIN engine_campaign c ON c.id = k.campaign_id
     WHERE c.kind = 'transactional' AND k.state IN ('done', 'returned')
       AND k.create_date < now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day'
       AND NOT EXISTS (SELECT FROM engine_campaign_recipient r WHERE r.chunk_id = k.id) LIMIT %(limit)s)
"""


class EngineMessage(models.Model):
    """A message that a program sends to one or few people: an order's confirmation, a link for a new password.

    It leaves as a campaign does: its people are lines of the journal of its tenant's stream (a campaign that never
    ends), handed over by chunks from reservations of quota.
    """

    _name = "engine.message"
    _inherit = ["lokario.access.mixin"]
    _description = "Message"
    _order = "id desc"
    _rec_name = "title"

    campaign_id = fields.Many2one(
        "engine.campaign", "Stream", required=True, readonly=True, index=True, ondelete="restrict"
    )
    tenant_id = fields.Many2one(related="campaign_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="campaign_id.company_id", store=True, index=True)
    template_id = fields.Many2one("engine.template", readonly=True, ondelete="set null")
    subject = fields.Char("Written subject", required=True, readonly=True, help="With the variables of the template")
    title = fields.Char("Subject", readonly=True, help="As the first recipient reads it")
    from_name = fields.Char(readonly=True)
    from_email = fields.Char("From address", required=True, readonly=True)
    reply_to = fields.Char("Reply address", readonly=True)
    content = fields.Json(readonly=True, help="What is sent, as it was when the message was taken")
    data = fields.Json(readonly=True, help="Values of the template's variables")
    track_opens = fields.Boolean("Count opens", readonly=True)
    track_clicks = fields.Boolean("Count clicks", readonly=True)
    links = fields.Json(readonly=True, help="The addresses whose clicks are counted, by their position")
    recipient_ids = fields.One2many("engine.campaign.recipient", "message_id", "Recipients", readonly=True)
    state = fields.Selection([*STATES, ("mixed", "Several")], compute="_compute_state")

    @api.depends("recipient_ids.state")
    def _compute_state(self):
        """What is so of all recipients; as long as one of them waits, the message does."""
        for message in self:
            states = set(message.recipient_ids.mapped("state"))
            message.state = "queued" if "queued" in states else states.pop() if len(states) == 1 else "mixed"

    # === TAKE === #

    @api.model
    def _submit(self, tenant, values):
        """Take a message and return it: its quota is reserved and its hand-over queued.

        :param values: to (addresses), data; transport (else the tenant's); template_id (a record) or subject, html,
            text; from_name, from_email, reply_to; track_opens, track_clicks. All but `to` may be empty.
        :raises ApiProblem: 409 when no recipient may be written to, or the quota of today is too small; 422
        """
        tenant._check_sending()
        addresses = self._read_addresses(values["to"])
        message = self.sudo().create(self._prepare(tenant, values))
        self.env["engine.campaign.audience"]._populate_message(message, addresses)
        waiting = len(message.recipient_ids.filtered(lambda one: one.state == "queued"))
        if not waiting:
            reasons = {one.email: one.answer for one in message.recipient_ids}
            sentence = self.env._("No recipient may be written to.")
            raise ApiProblem(409, sentence, extra={"success": False, "refused": reasons})
        message.title = message._render_title()
        message.campaign_id._get_transport()._start_message(message, waiting)
        return message.sudo(self.env.su)

    def _read_addresses(self, given):
        addresses = list(dict.fromkeys(map(normalise_address, given)))
        if wrong := [address for address in addresses if inspect_address(address) == "invalid"]:
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=", ".join(wrong)))
        return addresses

    def _prepare(self, tenant, values):
        """The values of a message; those that could not be sent are refused."""
        template = values.get("template_id") or self._write_template(tenant, values)
        if error := template._find_error(TemplateRenderer()):
            raise UserError(error)
        author = {name: values.get(name) or tenant[name] for name in ("from_name", "from_email", "reply_to")}
        tenant._check_author(author["from_email"], author["reply_to"])
        tracked = {name: bool(values.get(name)) for name in ("track_opens", "track_clicks")}
        transport = values.get("transport") or tenant.message_transport
        content = template._prepare((template.subject,), is_list=False, **tracked)
        return {
            "campaign_id": self.env["engine.campaign"].sudo()._get_stream(tenant, transport).id,
            "template_id": template._origin.id,
            "subject": template.subject,
            "content": {"html": content.html, "text": content.text},
            "links": content.links,
            "data": values.get("data") or {},
            **author,
            **tracked,
        }

    def _write_template(self, tenant, values):
        """A template that is not stored, of the message's own subject and bodies."""
        html = values.get("html") or _html_of(values.get("text") or "")
        own = {"subject": values.get("subject"), "html": html, "text": values.get("text")}
        return self.env["engine.template"].new({"tenant_id": tenant.id, **own})

    def _render_title(self):
        """The subject as the first recipient reads it; the written one where it cannot be rendered."""
        texts = self.recipient_ids[:1]._render_texts()
        return texts[0] if texts else self.subject

    # === HAND OVER === #

    def _get_content_sender(self, feeder, ip, job):
        """The sender of this message through one IP."""
        author = {name: self[name] or "" for name in ("from_name", "from_email", "reply_to")}
        content = Content((self.subject,), self.content["html"], self.content["text"])
        common = {**self.campaign_id._get_common_values(), **author}
        return self.campaign_id._make_sender(feeder, ip, content, common, job=job, kind="transactional", **author)

    def _get_mailwizz_values(self, address, subject):
        """What MailWizz asks for of a transactional email, beside its bodies; it leaves at once."""
        return {
            "to_email": address,
            "to_name": address,
            "from_name": self.from_name,
            "from_email": self.from_email,
            "reply_to_email": self.reply_to or self.from_email,
            "subject": subject,
            "send_at": fields.Datetime.to_string(fields.Datetime.now()),
        }

    def _take_waiting(self):
        """(the recipients who wait, how many of all are written to); who must not be written to any more is refused."""
        with transaction(self.env) as cr:
            cr.execute(REFUSE, {"ids": self.recipient_ids.ids})
            cr.execute(TAKEN, {"message_id": self.id})
            rows = cr.fetchall()
        self.env.invalidate_all(flush=False)
        waiting = [recipient_id for recipient_id, state in rows if state == "queued"]
        return self.env["engine.campaign.recipient"].browse(waiting), len(rows)

    @api.model
    def _find_waiting(self, stream):
        """The messages of a stream of which somebody waits."""
        return self.search([("campaign_id", "=", stream.id), ("recipient_ids.state", "=", "queued")], order="id")

    def _get_link(self, position):
        """The address whose clicks are counted at this position, if any."""
        links = self.links or []
        return links[position] if position < len(links) else False

    # === WHAT IS SAID OF IT === #

    def _describe(self):
        """Return the message as the API gives it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "state": self.state,
            "transport": self.campaign_id.transport,
            "template_id": self.template_id.id or None,
            "subject": self.subject,
            "from_email": self.from_email,
            "created_at": self.create_date,
            "recipients": [recipient._describe() for recipient in self.recipient_ids],
        }

    def _get_events_domain(self):
        return [
            ("tenant_id", "=", self.tenant_id.id),
            ("recipient_id", "in", self.recipient_ids.ids),
            ("type", "in", list(NAMES)),
        ]

    # === RETENTION === #

    @api.autovacuum
    def _gc_contents(self):
        """Forget, a batch a call, what old messages said: they carry names, orders and links."""
        self.env.cr.execute(FORGET_CONTENT, {"days": CONTENT_DAYS, "limit": PURGE_BATCH})
        self.invalidate_model()
        return self.env.cr.rowcount, self.env.cr.rowcount == PURGE_BATCH

    @api.autovacuum
    def _gc_messages(self):
        """Forget, a batch a call, who got messages long ago, and the chunks they left by."""
        days = int(self.env["ir.config_parameter"].sudo().get_param("email_engine.journal_days", JOURNAL_DAYS))
        for statement in (FORGET, FORGET_CHUNKS):
            self.env.cr.execute(statement, {"days": days, "limit": PURGE_BATCH})
        self.env.invalidate_all()
        return self.env.cr.rowcount, self.env.cr.rowcount == PURGE_BATCH


def _html_of(text):
    """The HTML form of a text template: its lines are kept, its variables too."""
    held, restore = hold_jinja(text)
    return f'<div style="white-space: pre-wrap">{restore(escape(held))}</div>'
