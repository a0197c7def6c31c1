import logging

import psycopg2
from odoo import api, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tools.deletion import StepOutcome

_logger = logging.getLogger(__name__)

KEPT_PARTNER_FIELDS = {"name", "complete_name", "lang", "tz", "type", "company_type", "autopost_bills"}
KEPT_USER_FIELDS = {"login", "name", "lang", "tz", "notification_type"}
TEXT_TYPES = ("char", "text", "html", "binary", "image", "date", "properties")


class ErasureContact(models.AbstractModel):
    """Contact data and the user itself."""

    _name = "lokario.erasure.contact"
    _description = "Erasure of an Account's Contact"

    @api.model
    def _erase_data(self, deletion):
        """Remove the personal data of the contacts now; whether their rows may go is known once the user is gone."""
        partners = deletion._partners()
        kept = self._finish_portal(deletion)
        banks = (
            self.env["res.partner.bank"].with_context(active_test=False).search([("partner_id", "in", partners.ids)])
        )
        erased = {"res.partner.bank": self._unlink_each(banks)}
        for bank in banks.exists():  # Odoo archives what documents may name
            bank.write({**self._blank_values(bank, {"acc_number"}), "acc_number": f"{deletion.name}-{bank.id}"})
        kept["res.partner.bank"] = len(banks.exists())
        quiet = partners.with_context(tracking_disable=True, mail_notrack=True, no_vat_validation=True)
        values = self._blank_values(partners, KEPT_PARTNER_FIELDS)
        quiet.write(
            {
                **values,
                "name": deletion._anonymous_name(),
                "category_id": [(5,)],
                "partner_latitude": 0,
                "partner_longitude": 0,
            }
        )
        return StepOutcome(erased, kept)

    @api.model
    def _finish_portal(self, deletion) -> dict[str, int]:
        """Apply the rules of Odoo's own deletion, the wish never to be contacted again among them."""
        user, addresses = deletion.user_id, deletion._addresses()
        if not user._is_portal():
            return {}
        user._finish_portal_deletion(request_blacklist=deletion.request_blacklist)
        blocked = self.env["mail.blacklist"].search([("email", "in", list(addresses))])
        blocked.message_ids.unlink()  # they name the person; the address stays, as was wished
        return {"mail.blacklist": len(blocked)}

    @api.model
    def _blank_values(self, records, kept) -> dict:
        """Return the values that empty every stored text, date and picture of the model."""
        return {
            name: False
            for name, field in records._fields.items()
            if field.type in TEXT_TYPES
            and name not in kept
            and not field.required
            and not field.related
            and (field.store or field.type == "binary" or name == "image_1920")
            and (not field.compute or not field.readonly)
        }

    @api.model
    def _erase_user(self, deletion):
        """Remove the user, then those of the contacts that nothing holds; anonymise what cannot go."""
        user, partners = deletion.user_id, deletion._find_partners()
        held = partners.filtered(self.env["lokario.deletion.plan"]._held_partner_reason)
        erased, kept = {"res.users": self._unlink_each(user)}, {}
        if user.exists():
            self._anonymise_user(user, deletion)
            kept["res.users"] = len(user)
            held |= user.partner_id
        erased["res.partner"] = self._unlink_each(partners - held)
        remaining = partners.exists()
        remaining.with_context(active_test=True, tracking_disable=True).write({"active": False})
        kept["res.partner"] = len(remaining)
        return StepOutcome(erased, kept)

    @api.model
    def _anonymise_user(self, user, deletion):
        user.write({**self._blank_values(user, KEPT_USER_FIELDS), "login": deletion.name, "active": False})
        self.env["lokario.erasure.access"]._clear_credentials(user)

    @api.model
    def _unlink_each(self, records) -> list[int]:
        """Delete the records that nothing refers to and return their ids; the others stay."""
        gone = []
        for record in records.with_context(active_test=True):
            try:
                with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                    record.unlink()
            except (UserError, RedirectWarning, psycopg2.IntegrityError) as err:
                _logger.info("%s #%s stays, anonymised: %s", record._name, record.id, type(err).__name__)
            if not record.exists():
                gone.append(record.id)
        return gone
