from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address
from odoo.addons.lokario_base.tools.transaction import own_transaction

LIFETIME = timedelta(days=7)  # of the link
PAUSE = timedelta(days=1)  # between two mails to one address, however often it is entered
FORGOTTEN_DAYS = 30  # after which what was never confirmed is gone
GC_LIMIT = 10_000


class EngineOptin(models.Model):
    """A person's wish to get mail, confirmed by a link that only the owner of the address has; kept as the proof.

    Until then the person is no contact, and gets nothing but the one mail that asks.
    """

    _name = "engine.optin"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Double opt-in"
    _order = "id desc"
    _rec_name = "email"
    _transitions = {"pending": {"confirmed"}, "confirmed": set()}

    email = fields.Char("Address", required=True, readonly=True)
    first_name = fields.Char(readonly=True)
    last_name = fields.Char(readonly=True)
    tenant_id = fields.Many2one("engine.tenant", required=True, readonly=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    list_ids = fields.Many2many("engine.contact.list", string="Lists", readonly=True)
    source = fields.Char(required=True, readonly=True, help="The form, and what it said")
    requested_from = fields.Char(readonly=True, help="Internet address of the form's reader, as the program says")
    state = fields.Selection(
        [("pending", "Not confirmed"), ("confirmed", "Confirmed")], required=True, default="pending", readonly=True
    )
    message_id = fields.Many2one("engine.message", "Mail that asked", readonly=True, ondelete="set null")
    asked_at = fields.Datetime("Asked on", readonly=True)
    confirmed_at = fields.Datetime("Confirmed on", readonly=True)
    confirmed_from = fields.Char(readonly=True, help="Internet address from which it was confirmed")
    contact_id = fields.Many2one("engine.contact", readonly=True, index="btree_not_null", ondelete="cascade")

    _pending_uniq = models.UniqueIndex("(tenant_id, email) WHERE state = 'pending'")

    # === ASK === #

    @api.model
    def _request(self, tenant, values):
        """Ask the owner of an address by mail, at most once a day, and return the record.

        :param values: email, first_name, last_name, list_ids, source, requested_from; template_id, a record whose text
            has `{{ confirm_url }}`, or none
        :raises ApiProblem: 409 as for any message: the address is suppressed, or there is no quota
        """
        values = {**values, "email": normalise_address(values["email"])}
        if inspect_address(values["email"]) == "invalid":
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=values["email"]))
        template = values.pop("template_id", None)
        optin = self._find_or_create(tenant, values)
        if not optin.asked_at or optin.asked_at < fields.Datetime.now() - PAUSE:
            message = self.env["engine.message"].sudo()._submit(tenant, optin._write_message(template))
            # The proof is the form whose mail is confirmed, not one that was filled in while that mail was on its way.
            optin.write({"message_id": message.id, "asked_at": fields.Datetime.now(), "source": values["source"]})
        return optin.sudo(self.env.su)

    def _find_or_create(self, tenant, values):
        pending = [("tenant_id", "=", tenant.id), ("email", "=", values["email"]), ("state", "=", "pending")]
        optin = self.sudo().search(pending)
        lists = [fields.Command.link(list_id) for list_id in values.get("list_ids", ())]
        if optin:
            optin.list_ids = lists
            return optin
        return self.sudo().create({**values, "list_ids": lists, "tenant_id": tenant.id})

    def _write_message(self, template):
        """What `engine.message._submit` takes: the template, or a text in the language of the tenant's company."""
        url = f"{self.tenant_id._get_addresses().base_url}/engine/d/{self._get_token()}"
        data = {"first_name": self.first_name or "", "last_name": self.last_name or "", "confirm_url": url}
        message = {"to": [self.email], "data": data}
        if template:
            return {**message, "template_id": template}
        env = self.with_context(lang=self.company_id.partner_id.lang).env
        question = env._("Please confirm that {{ company_name }} may write to you at this address:")
        button = env._("Yes, I want this mail")
        otherwise = env._("If you did not ask for this, do nothing: you will not get any other mail.")
        html = f'<p>{question}</p><p><a href="{{{{ confirm_url }}}}">{button}</a></p><p>{otherwise}</p>'
        return {**message, "subject": env._("Please confirm your address for {{ company_name }}"), "html": html}

    # === CONFIRM === #

    def _get_token(self):
        return verp.token(self.env["engine.tenant"]._get_token_secret(), "optin", self.id)

    @api.model
    def _find_by_token(self, token):
        """The record an opaque token was made for, or none."""
        optin_id = verp.read_token(self.env["engine.tenant"]._get_token_secret(), "optin", token)
        return self.browse(optin_id or []).exists()

    def _is_expired(self):
        return self.state == "pending" and bool(self.asked_at) and self.asked_at < fields.Datetime.now() - LIFETIME

    def _confirm(self, address):
        """Make the person a contact who has consented; a second time changes nothing. `address`: of his machine."""
        with own_transaction(self) as mine:
            if mine.state == "pending" and not mine._is_expired():
                mine._set_confirmed(address)

    def _set_confirmed(self, address):
        contact = self._find_contact()
        self._set_state("confirmed", confirmed_at=fields.Datetime.now(), confirmed_from=address, contact_id=contact.id)
        env = self.with_context(lang=self.company_id.partner_id.lang).env
        source = env._("Double opt-in %(number)s: %(form)s", number=self.id, form=self.source)
        contact.write({"consent": "given", "consent_at": self.confirmed_at, "consent_source": source})
        contact.list_ids |= self.list_ids

    def _find_contact(self):
        person = [("tenant_id", "=", self.tenant_id.id), ("email", "=", self.email)]
        names = {name: self[name] for name in ("first_name", "last_name") if self[name]}
        contact = self.env["engine.contact"].search(person)
        if contact:
            contact.write(names)
            return contact
        return self.env["engine.contact"].create({"tenant_id": self.tenant_id.id, "email": self.email, **names})

    def _describe(self):
        """Return the opt-in as the API gives it."""
        self.ensure_one()
        return {
            "id": self.id,
            "tenant_id": self.tenant_id.id,
            "email": self.email,
            "state": "expired" if self._is_expired() else self.state,
            "lists": self.list_ids.mapped("name"),
            "source": self.source,
            "requested_at": self.create_date,
            "requested_from": self.requested_from or "",
            "message_id": self.message_id.id or None,
            "confirmed_at": self.confirmed_at or None,
            "confirmed_from": self.confirmed_from or "",
            "contact_id": self.contact_id.id or None,
        }

    @api.autovacuum
    def _gc_unconfirmed(self):
        """What nobody confirmed is nobody's consent, and goes."""
        old = [("state", "=", "pending"), ("create_date", "<", f"-{FORGOTTEN_DAYS}d")]
        optins = self.search(old, limit=GC_LIMIT)
        optins.unlink()
        return len(optins), len(optins) == GC_LIMIT
