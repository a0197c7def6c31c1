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
    def _erase_data(self, deletions):
        """Remove the personal data of the contacts now; whether their rows may go is known once the users are gone."""
        blocked = self._finish_portal(deletions)
        partners = deletions._partners()
        Bank = self.env["res.partner.bank"].with_context(active_test=False)
        banks = Bank.search([("partner_id", "in", partners.ids)])
        owner = {bank.id: bank.partner_id for bank in banks}
        gone = self._unlink_each(banks)
        quiet = {"tracking_disable": True, "mail_notrack": True, "no_vat_validation": True}
        self._blank_addresses(partners.with_context(**quiet))
        partners.with_context(**quiet).write(
            {
                **self._blank_values(partners, KEPT_PARTNER_FIELDS),
                "category_id": [(5,)],
                "partner_latitude": 0,
                "partner_longitude": 0,
            }
        )
        outcomes = {}
        for deletion in deletions:
            own = deletion._partners()
            own.with_context(**quiet).name = deletion._anonymous_name()
            kept = [bank for bank in (banks - banks.browse(gone)) if owner[bank.id] in own]
            for bank in kept:  # Odoo archives what documents may name
                bank.write({**self._blank_values(bank, {"acc_number"}), "acc_number": f"{deletion.name}-{bank.id}"})
            outcomes[deletion] = StepOutcome(
                {"res.partner.bank": [bank for bank in gone if owner[bank] in own]},
                {"res.partner.bank": len(kept), "mail.blacklist": blocked[deletion]},
            )
        return outcomes

    @api.model
    def _blank_addresses(self, partners):
        """Without Odoo's synchronisation: a contact's address is that of his company, which would lose it, too."""
        fields = partners._address_fields()
        partners._update_address({name: False for name in fields if partners._fields[name].type in TEXT_TYPES})

    @api.model
    def _finish_portal(self, deletions) -> dict:
        """Apply the rules of Odoo's own deletion, and return how often each wished never to be contacted again."""
        addresses = {deletion: list(deletion._addresses()) for deletion in deletions}
        portal = deletions.filtered(lambda deletion: deletion.user_id and deletion.user_id._is_portal())
        self._hide_logins(portal)
        for wish, wishing in portal.grouped(lambda one: one.request_blacklist and bool(addresses[one])).items():
            wishing.user_id._finish_portal_deletion(request_blacklist=wish)
        everything = [address for deletion in portal for address in addresses[deletion]]
        blocked = self.env["mail.blacklist"].search([("email", "in", everything)])
        blocked.message_ids.unlink()  # they name the person; the address stays, as was wished
        emails = set(blocked.mapped("email"))
        return {deletion: len(emails & {*addresses[deletion]}) if deletion in portal else 0 for deletion in deletions}

    @api.model
    def _hide_logins(self, deletions):
        """Odoo writes the login of whom it deletes into the server's log."""
        self.env.flush_all()
        self.env.cr.execute(
            """UPDATE res_users u SET login = d.name FROM lokario_account_deletion d
                WHERE d.user_id = u.id AND d.id = ANY(%s)""",
            [deletions.ids],
        )
        deletions.user_id.invalidate_recordset(["login"])

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
    def _erase_users(self, deletions):
        """Remove the users, then those of the contacts that nothing holds; anonymise what cannot go."""
        people = {deletion: (deletion.user_id, deletion._find_partners()) for deletion in deletions}
        everybody = self.env["res.partner"].union(*(partners for _user, partners in people.values()))
        held = everybody.filtered(self.env["lokario.deletion.plan"]._held_partner_reason)
        erased = {"res.users": self._unlink_each(deletions.user_id)}
        for deletion, (user, _partners) in people.items():
            if left := user.exists():
                self._anonymise_user(left, deletion)
                held |= left.partner_id
        erased["res.partner"] = self._unlink_each(everybody - held)
        everybody.exists().with_context(active_test=True, tracking_disable=True).write({"active": False})
        return {deletion: self._outcome(erased, *people[deletion]) for deletion in deletions}

    @api.model
    def _outcome(self, erased: dict[str, list[int]], *people) -> StepOutcome:
        """Return what became of one person's records."""
        gone = {records._name: [id_ for id_ in records.ids if id_ in erased[records._name]] for records in people}
        return StepOutcome(gone, {records._name: len(records) - len(gone[records._name]) for records in people})

    @api.model
    def _anonymise_user(self, user, deletion):
        user.write({**self._blank_values(user, KEPT_USER_FIELDS), "login": deletion.name, "active": False})
        self.env["lokario.erasure.access"]._clear_credentials(user)

    @api.model
    def _unlink_each(self, records) -> list[int]:
        """Delete the records that nothing refers to and return their ids; the others stay."""
        records = records.with_context(active_test=True)
        if not self._try_to_unlink(records) and len(records) > 1:
            for record in records:
                self._try_to_unlink(record)
        return (records - records.exists()).ids

    @api.model
    def _try_to_unlink(self, records) -> bool:
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                records.unlink()
        except (UserError, RedirectWarning, psycopg2.IntegrityError) as err:
            if len(records) == 1:
                _logger.info("%s #%s stays, anonymised: %s", records._name, records.id, type(err).__name__)
            return False
        return True
