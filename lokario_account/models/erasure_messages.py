from odoo import Command, api, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.lokario_base.tools.deletion import StepOutcome

from ..tools.catalogue import PEOPLE
from ..tools.erasure import addresses_without, names_address

BATCH = 500


class ErasureMessages(models.AbstractModel):
    """Personal files, messages, activities, queued mails and private conversations of an account."""

    _name = "lokario.erasure.messages"
    _description = "Erasure of an Account's Messages"

    @api.model
    def _erase_files(self, deletions):
        found = {deletion: self._files_of(deletion) for deletion in deletions}
        outcomes = {
            deletion: StepOutcome({"ir.attachment": files.ids}, remaining=len(files) == BATCH)
            for deletion, files in found.items()
        }
        self.env["ir.attachment"].union(*found.values()).unlink()
        return outcomes

    @api.model
    def _files_of(self, deletion):
        user, partners = deletion.user_id, deletion._partners()
        domain = Domain.OR(
            [
                Domain("res_model", "=", "res.partner") & Domain("res_id", "in", partners.ids),
                Domain("res_model", "=", "res.users") & Domain("res_id", "in", user.ids),
                Domain("create_uid", "in", user.ids) & Domain("res_id", "in", [0, False]),
            ]
        )
        return self.env["ir.attachment"].with_context(skip_res_field_check=True).search(domain, limit=BATCH)

    @api.model
    def _erase_messages(self, deletions):
        outcomes = {deletion: StepOutcome({}) for deletion in deletions}
        for find in self._personal_rows():
            self._erase_rows(self._each(find, deletions), outcomes)
        for deletion in self._each(self._mails_to, deletions):
            self._erase_rows({deletion: self._queued_mails_of(deletion)}, outcomes)
            self._leave_mails_to_others(deletion)
        return self._erase_correspondence(outcomes)

    @api.model
    def _each(self, find, deletions) -> dict:
        """Return {deletion: the rows found for it}. A look for all of them spares those for each: most have none."""
        found = find(deletions)
        if len(deletions) == 1 or not found:
            return {deletion: found for deletion in deletions if found}
        return {deletion: rows for deletion in deletions if (rows := find(deletion))}

    @api.model
    def _erase_rows(self, found: dict, outcomes: dict):
        for deletion, rows in found.items():
            outcomes[deletion].erased[rows._name] = rows.ids
        for rows in found.values():
            rows.exists().unlink()

    @api.model
    def _erase_correspondence(self, outcomes: dict) -> dict:
        """Delete what the persons wrote and what is about them, a batch each; what must stay loses its author."""
        deletions = self.env["lokario.account.deletion"].union(*outcomes)
        written, about = self._written_by(deletions), self._messages_about(deletions)
        none = self.env["mail.message"]
        held = none.union(*written.values()) - none.union(*about.values())
        held = held.filtered(self.env["lokario.deletion.plan"]._is_message_held)
        free = {deletion: (written[deletion] | about[deletion]) - held for deletion in deletions}
        finished = {}
        for deletion, outcome in outcomes.items():
            gone = free[deletion][:BATCH]
            outcome.erased["mail.message"] = gone.ids
            outcome.erased["ir.attachment"] = self._files_in_chats(gone).ids
            kept = {"mail.message": len(written[deletion] & held)}
            left = len(free[deletion]) > BATCH
            finished[deletion] = StepOutcome(outcome.erased, {} if left else kept, remaining=left)
        gone = none.union(*(messages[:BATCH] for messages in free.values()))
        self._files_in_chats(gone).unlink()
        gone.unlink()
        for deletion in self._each(self._private_channels, deletions):
            self._leave_private_channels(deletion)
        self._forget_sender(held)
        return finished

    @api.model
    def _files_in_chats(self, messages):
        """What was sent in private conversations goes with them."""
        return messages.attachment_ids.filtered(lambda file: file.res_model == "discuss.channel")

    @api.model
    def _personal_rows(self):
        """The methods that find what goes whole; not every database has to-dos and a calendar."""
        optional = {"project.task": self._todos_of, "calendar.event": self._events_of}
        found = [find for model, find in optional.items() if model in self.env]
        return [self._activities_of, self._blacklist_of, *found, self._chats_of]

    @api.model
    def _activities_of(self, deletion):
        partners = deletion._partners()
        own = Domain("res_model", "=", "res.partner") & Domain("res_id", "in", partners.ids)
        return self.env["mail.activity"].search(Domain("user_id", "in", deletion.user_id.ids) | own)

    @api.model
    def _todos_of(self, deletion):
        """The tasks that belong to no project and to no other user."""
        own = [("project_id", "=", False), ("user_ids", "in", deletion.user_id.ids)]
        tasks = self.env["project.task"].with_context(active_test=False).search(own)
        return tasks.filtered(lambda task: task.user_ids <= deletion.user_id)

    @api.model
    def _events_of(self, deletion):
        """The meetings without other attendees."""
        events = self.env["calendar.event"].with_context(active_test=False)
        return events.search([("user_id", "in", deletion.user_id.ids)]).filtered(
            lambda event: event.partner_ids <= deletion._partners()
        )

    @api.model
    def _queued_mails_of(self, deletion):
        """The mails without other recipients."""
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
        addresses = list(deletion._addresses())
        return self.env["mail.blacklist"].with_context(active_test=False).search([("email", "in", addresses)])

    @api.model
    def _written_by(self, deletions) -> dict:
        """Return {deletion: the messages that the person wrote}."""
        partners = {deletion: deletion._partners() for deletion in deletions}
        everybody = self.env["res.partner"].union(*partners.values())
        by_author = self.env["mail.message"].search([("author_id", "in", everybody.ids)]).grouped("author_id")
        none = self.env["mail.message"]
        return {
            deletion: none.union(*(by_author.get(partner, none) for partner in own))
            for deletion, own in partners.items()
        }

    @api.model
    def _messages_about(self, deletions) -> dict:
        """Return {deletion: what hangs on the person's own contact and user, whoever wrote it}."""
        owner = {("res.users", id_): deletion for deletion in deletions for id_ in deletion.user_id.ids}
        owner |= {("res.partner", id_): deletion for deletion in deletions for id_ in deletion._partners().ids}
        found = self.env["mail.message"].search(
            Domain.OR(
                Domain("model", "=", model) & Domain("res_id", "in", [id_ for name, id_ in owner if name == model])
                for model in ("res.users", "res.partner")
            )
        )
        about = found.grouped(lambda message: owner[message.model, message.res_id])
        return {deletion: about.get(deletion, found.browse()) for deletion in deletions}

    @api.model
    def _forget_sender(self, messages):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_message SET email_from = NULL, reply_to = NULL WHERE id = ANY(%s)", [messages.ids]
        )
        messages.invalidate_recordset(flush=False)

    @api.model
    def _forget_tracked(self, people: set[str]):
        """Remove the names of these people (u5, p12) from the changes that others' documents list: once for all."""
        self.env.flush_all()
        for table, letter in PEOPLE.items():
            ids = [int(person[1:]) for person in people if person.startswith(letter)]
            for side in ("old", "new"):
                self.env.cr.execute(
                    SQL(
                        """UPDATE mail_tracking_value t SET %(name)s = NULL FROM ir_model_fields f
                           WHERE f.id = t.field_id AND f.relation = %(relation)s AND %(key)s = ANY(%(ids)s)""",
                        name=SQL.identifier(f"{side}_value_char"),
                        key=SQL.identifier("t", f"{side}_value_integer"),
                        relation=table.replace("_", "."),
                        ids=ids,
                    )
                )
        self.env.invalidate_all(flush=False)

    # === PRIVATE CONVERSATIONS: ODOO NAMES EACH AFTER THE PEOPLE IN IT === #

    @api.model
    def _chats_of(self, deletion):
        """The conversations without other members; OdooBot does not count."""
        alone = deletion._partners() | self.env.ref("base.partner_root")
        return self._private_channels(deletion).filtered(lambda channel: channel.channel_member_ids.partner_id <= alone)

    @api.model
    def _leave_private_channels(self, deletion):
        """What others have had with the person stays theirs, under their names."""
        partners = deletion._partners()
        for channel in self._private_channels(deletion):
            if any(name in channel.name for name in partners.mapped("name")):
                channel.name = ", ".join((channel.channel_member_ids.partner_id - partners).mapped("name"))

    @api.model
    def _private_channels(self, deletion):
        return self.env["discuss.channel"].search(
            [
                ("channel_type", "in", ("chat", "group")),
                ("channel_member_ids.partner_id", "in", deletion._partners().ids),
            ]
        )
