import json
import re

from odoo import SUPERUSER_ID, Command, api, models
from odoo.fields import Domain
from odoo.http import root
from odoo.tools import SQL

from ..tools import session_files
from ..tools.deletion import StepOutcome, addresses_without, names_address

BATCH = 500
CREDENTIALS = "(password|secret|token|oauth)"  # columns of res_users that open something
ACCESS_MODELS = ("res.users.apikeys", "auth_totp.device", "auth.passkey.key", "mail.push.device")
TECHNICAL_USERS = ("base.public_user", "base.template_portal_user_id", "base.default_user")


class DeletionPlan(models.AbstractModel):
    """Access, files and messages of an account."""

    _inherit = "lokario.deletion.plan"

    # === OBSTACLES === #

    @api.model
    def _obstacles(self, user):
        technical = [self.env.ref(xmlid, raise_if_not_found=False) for xmlid in TECHNICAL_USERS]
        if user.id == SUPERUSER_ID or user in technical:
            return [self.env._("This is a technical account; Odoo needs it.")]
        checks = (self._last_administrator, self._shared_contact, self._scheduled_actions)
        return [*super()._obstacles(user), *filter(None, (check(user) for check in checks))]

    @api.model
    def _last_administrator(self, user):
        administrators = self.env.ref("base.group_system").all_user_ids.filtered("active")
        if user in administrators and not administrators - user - self.env.ref("base.user_root"):
            return self.env._("You are the last administrator. Give another user the administrator's rights first.")
        return None

    @api.model
    def _shared_contact(self, user):
        partners = self.env["res.partner"].with_context(active_test=False)
        partners = partners.search([("id", "child_of", user.partner_id.ids)])
        others = partners.with_context(active_test=True).user_ids - user
        if others or self.env["res.company"].search_count([("partner_id", "in", partners.ids)], limit=1):
            return self.env._(
                "This account shares its contact with a company or with other users. "
                "Give it a contact of its own first (Settings › Users › Related Partner)."
            )
        return None

    @api.model
    def _scheduled_actions(self, user):
        if self.env["ir.cron"].with_context(active_test=False).search_count([("user_id", "=", user.id)], limit=1):
            return self.env._("Scheduled actions run in this user's name. Assign them to somebody else first.")
        return None

    # === ACCESS === #

    @api.model
    def _step_access(self, deletion):
        user, erased = deletion.user_id, {}
        devices = self.env["res.device.log"].search([("user_id", "=", user.id)])
        sessions = session_files.identifiers_of(root.session_store.path, self.env.cr.dbname, user.login)
        sessions.update(filter(None, devices.mapped("session_identifier")))
        root.session_store.delete_from_identifiers(sorted(sessions))
        for rows in (devices, *(self._rows_of(model, user) for model in ACCESS_MODELS if model in self.env)):
            erased[rows._name] = rows.ids
            rows.unlink()
        self._clear_credentials(user)
        return StepOutcome(erased)

    @api.model
    def _rows_of(self, model: str, user):
        field, owner = ("user_id", user) if "user_id" in self.env[model] else ("partner_id", user.partner_id)
        if field not in self.env[model]:
            field, owner = "create_uid", user
        return self.env[model].search([(field, "in", owner.ids)])

    @api.model
    def _clear_credentials(self, user):
        self.env.flush_all()
        columns = self.env.execute_query(
            SQL(
                """SELECT column_name FROM information_schema.columns WHERE table_name = 'res_users'
                   AND data_type IN ('character varying', 'text') AND is_nullable = 'YES' AND column_name ~ %s""",
                CREDENTIALS,
            )
        )
        cleared = SQL(", ").join(SQL("%s = NULL", SQL.identifier(column)) for (column,) in columns)
        self.env.cr.execute(SQL("UPDATE res_users SET %s WHERE id = %s", cleared, user.id))
        user.invalidate_recordset(flush=False)
        self.env.registry.clear_cache()

    # === FILES === #

    @api.model
    def _step_files(self, deletion):
        user, partners = deletion.user_id, deletion._partners()
        domain = Domain.OR(
            [
                Domain("res_model", "=", "res.partner") & Domain("res_id", "in", partners.ids),
                Domain("res_model", "=", "res.users") & Domain("res_id", "=", user.id),
                Domain("create_uid", "=", user.id) & Domain("res_id", "in", [0, False]),
            ]
        )
        files = self.env["ir.attachment"].with_context(skip_res_field_check=True).search(domain, limit=BATCH)
        ids = files.ids
        files.unlink()
        return StepOutcome({"ir.attachment": ids}, remaining=len(ids) == BATCH)

    # === MESSAGES === #

    @api.model
    def _step_messages(self, deletion):
        erased = {}
        for find in self._personal_rows():
            rows = find(deletion)
            erased[rows._name] = rows.ids
            rows.unlink()
        self._leave_mails_to_others(deletion)
        self._forget_notifications(deletion.user_id)
        messages = self._messages_of(deletion)
        held = messages.filtered(self._is_message_held)
        free = messages - held
        erased["mail.message"] = free[:BATCH].ids
        free[:BATCH].unlink()
        if len(free) > BATCH:
            return StepOutcome(erased, remaining=True)
        self._forget_names(deletion, held)
        return StepOutcome(erased, {"mail.message": len(held)})

    @api.model
    def _personal_rows(self):
        """The methods that find what goes whole; not every database has to-dos and a calendar."""
        optional = {"project.task": self._todos_of, "calendar.event": self._events_of}
        found = [find for model, find in optional.items() if model in self.env]
        return [self._activities_of, self._queued_mails_of, self._blacklist_of, *found]

    @api.model
    def _activities_of(self, deletion):
        partners = deletion._partners()
        own = Domain("res_model", "=", "res.partner") & Domain("res_id", "in", partners.ids)
        return self.env["mail.activity"].search(Domain("user_id", "=", deletion.user_id.id) | own)

    @api.model
    def _todos_of(self, deletion):
        """The tasks that belong to no project and to nobody else."""
        own = [("project_id", "=", False), ("user_ids", "in", deletion.user_id.ids)]
        tasks = self.env["project.task"].with_context(active_test=False).search(own)
        return tasks.filtered(lambda task: task.user_ids == deletion.user_id)

    @api.model
    def _events_of(self, deletion):
        """The meetings with nobody else."""
        events = self.env["calendar.event"].with_context(active_test=False)
        return events.search([("user_id", "=", deletion.user_id.id)]).filtered(
            lambda event: event.partner_ids <= deletion._partners()
        )

    @api.model
    def _forget_notifications(self, user):
        """Browsers that still wait for one of these reload what it was about."""
        self.env.flush_all()
        words = {json.dumps(word)[1:-1] for word in (user.name, user.login, user.email) if word}
        whole = [rf"(^|[^\w@.-]){re.escape(word)}($|[^\w@-])" for word in words]  # Ann is not in Joanna
        self.env.cr.execute("DELETE FROM bus_bus WHERE message ~* ANY(%s)", [whole])

    @api.model
    def _queued_mails_of(self, deletion):
        """The mails to nobody else."""
        partners, addresses = deletion._partners(), deletion._addresses()
        return self._mails_to(deletion).filtered(
            lambda mail: (
                mail.recipient_ids <= partners
                and not addresses_without(mail.email_to, addresses)
                and not addresses_without(mail.email_cc, addresses)
            )
        )

    @api.model
    def _mails_to(self, deletion):
        """The mails that name the person among their recipients, by whole addresses."""
        partners, addresses = deletion._partners(), deletion._addresses()
        domain = Domain("recipient_ids", "in", partners.ids)
        for address in addresses:  # contained in the text; which ones are meant is seen below
            domain |= Domain("email_to", "ilike", address) | Domain("email_cc", "ilike", address)
        return (
            self.env["mail.mail"]
            .search(domain)
            .filtered(
                lambda mail: (
                    mail.recipient_ids & partners
                    or names_address(mail.email_to, addresses)
                    or names_address(mail.email_cc, addresses)
                )
            )
        )

    @api.model
    def _leave_mails_to_others(self, deletion):
        """What goes to other people too goes to them alone."""
        addresses = deletion._addresses()
        for mail in self._mails_to(deletion):
            mail.write(
                {
                    "recipient_ids": [Command.unlink(partner.id) for partner in deletion._partners()],
                    "email_to": addresses_without(mail.email_to, addresses),
                    "email_cc": addresses_without(mail.email_cc, addresses),
                }
            )

    @api.model
    def _blacklist_of(self, deletion):
        emails = [email for email in deletion._partners().mapped("email_normalized") if email]
        return self.env["mail.blacklist"].with_context(active_test=False).search([("email", "in", emails)])

    @api.model
    def _messages_of(self, deletion):
        user, partners = deletion.user_id, deletion._partners()
        return self.env["mail.message"].search(
            Domain("author_id", "in", partners.ids)
            | Domain("model", "=", "res.partner") & Domain("res_id", "in", partners.ids)
            | Domain("model", "=", "res.users") & Domain("res_id", "=", user.id)
        )

    @api.model
    def _forget_names(self, deletion, messages):
        """Remove addresses and names from what stays: held messages, and the changes that others' documents list."""
        self.env.flush_all()
        cr = self.env.cr
        cr.execute("UPDATE mail_message SET email_from = NULL, reply_to = NULL WHERE id = ANY(%s)", [messages.ids])
        owners = {"res.users": deletion.user_id.ids, "res.partner": deletion._partners().ids}
        for relation, ids in owners.items():
            for side in ("old", "new"):
                cr.execute(
                    SQL(
                        """UPDATE mail_tracking_value t SET %(name)s = NULL FROM ir_model_fields f
                           WHERE f.id = t.field_id AND f.relation = %(relation)s AND %(key)s = ANY(%(ids)s)""",
                        name=SQL.identifier(f"{side}_value_char"),
                        key=SQL.identifier("t", f"{side}_value_integer"),
                        relation=relation,
                        ids=ids,
                    )
                )
        self.env.invalidate_all()
