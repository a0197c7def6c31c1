from odoo import Command, api, fields, models

from odoo.addons.lokario_base.tools.deletion import HAND_OVER, KEEP, Belonging

USER_ADMINISTRATOR = "base.group_erp_manager"
RESPONSIBLE = "user_id"
SEVERAL = {"project.task": "user_ids"}  # elsewhere such a field says who may enter, which nobody inherits
PERSONAL = ("hr.employee", "calendar.event", "gamification.challenge")  # `user_id` says whose they are, or who goes
QUIET = {"mail_auto_subscribe_no_notify": True, "skip_attendee_notification": True, "tracking_disable": True}


class ErasureBelongings(models.AbstractModel):
    """What an account owns in any addon: the documents it is responsible for, the meetings to which it invited others,
    and companies that nobody else enters."""

    _name = "lokario.erasure.belongings"
    _description = "What an Account Owns"

    @api.model
    def _of(self, user) -> list[Belonging]:
        if user.share or not user:
            return []
        return [*self._responsibilities(user), *self._meetings(user), *self._companies(user)]

    # === DOCUMENTS, TEAMS, PROJECTS === #

    @api.model
    def _responsible_fields(self) -> dict:
        """Return, by model, the field that says who is responsible: found in the registry, whatever is installed."""
        thread = self.env.registry["mail.thread"]
        return {
            name: model._fields[field]
            for name, model in self.env.registry.items()
            if issubclass(model, thread) and model._auto and not model._abstract and name not in PERSONAL
            if self._says_who(model._fields.get(field := SEVERAL.get(name, RESPONSIBLE)))
        }

    @api.model
    def _says_who(self, field) -> bool:
        return bool(field and field.store and not field.related and field.comodel_name == "res.users")

    @api.model
    def _responsibilities(self, user):
        found = []
        for name, field in sorted(self._responsible_fields().items()):
            domain = self.env["lokario.deletion.plan"]._responsible_domain(name)
            if domain is None:
                continue
            records = self.env[name].search([(field.name, "in", user.ids), *domain])
            companies = records.grouped("company_id") if "company_id" in records else {user.company_id: records}
            found += [self._responsibility(user, field, *group) for group in companies.items() if group[1]]
        return found

    @api.model
    def _responsibility(self, user, field, company, records):
        company = company or user.company_id
        label = self.env._(
            "%(documents)s you are responsible for: %(count)s (%(company)s)",
            documents=self.env["ir.model"]._get(records._name).name,
            count=len(records),
            company=company.name,
        )
        return Belonging(
            name="responsibility",
            key=f"{records._name}:{company.id}",
            model=records._name,
            ids=records._ids,
            label=label,
            choices=(HAND_OVER,) if field.required else (KEEP, HAND_OVER),
            heirs=self.env["lokario.deletion.plan"]._heirs(user, company)._ids,
            refusal=self.env._("%s. Give them to another user first.", label),
        )

    @api.model
    def _carry_out_responsibility(self, user, belonging, heir):
        """Give the documents to the heir, or to nobody. He is told once, not for each."""
        field = self._responsible_fields()[belonging.model]
        successor = heir.id
        if field.type == "many2many":
            successor = [Command.unlink(user.id), *map(Command.link, heir.ids)]
        self.env[belonging.model].browse(belonging.ids).with_context(**QUIET).write({field.name: successor})

    # === MEETINGS === #

    @api.model
    def _meetings(self, user):
        """The coming meetings to which the person invited others. Who is not in a private one does not take it over."""
        if "calendar.event" not in self.env:
            return []
        coming = [("user_id", "=", user.id), ("stop", ">=", fields.Datetime.now())]
        meetings = self.env["calendar.event"].search(coming)
        meetings = meetings.filtered(
            lambda meeting: meeting.effective_privacy != "private" and meeting.partner_ids - user.partner_id
        )
        owned = Belonging(
            name="meetings",
            key="calendar.event",
            model="calendar.event",
            ids=meetings._ids,
            label=self.env._("Coming meetings with others that you organise: %s", len(meetings)),
            choices=(KEEP, HAND_OVER),
            heirs=self.env["lokario.deletion.plan"]._heirs(user, user.company_id)._ids,
        )
        return [owned] if meetings else []

    @api.model
    def _carry_out_meetings(self, user, belonging, heir):
        """The heir comes in the person's place; the others get no second invitation."""
        places = [Command.unlink(user.partner_id.id), *map(Command.link, heir.partner_id.ids)]
        for meeting in self.env["calendar.event"].browse(belonging.ids).with_context(**QUIET):
            meeting.write({"user_id": heir.id, "partner_ids": places})

    # === COMPANIES === #

    @api.model
    def _companies(self, user):
        """The companies that no other user enters. Only who gives rights to users lets another one in."""
        plan = self.env["lokario.deletion.plan"]
        alone = user.company_ids.filtered(lambda company: not plan._heirs(user, company))
        heirs = self.env["res.users"]
        if alone and user.has_group(USER_ADMINISTRATOR):
            heirs = heirs.union(*(plan._heirs(user, company) for company in user.company_ids))
        return [
            Belonging(
                name="company",
                key=f"res.company:{company.id}",
                model="res.company",
                ids=company._ids,
                label=self.env._("Company %s, which no other user enters", company.name),
                choices=(KEEP, HAND_OVER),
                heirs=heirs._ids,
            )
            for company in alone
        ]

    @api.model
    def _carry_out_company(self, belonging, heir):
        heir.company_ids |= self.env["res.company"].browse(belonging.ids)
