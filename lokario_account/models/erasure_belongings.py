from odoo import Command, api, models

from odoo.addons.lokario_base.tools.deletion import HAND_OVER, KEEP, Belonging

USER_ADMINISTRATOR = "base.group_erp_manager"
RESPONSIBLE = "user_id"
SEVERAL = {"project.task": "user_ids"}  # elsewhere such a field says who may enter, which nobody inherits
PERSONAL = ("hr.employee", "calendar.event", "gamification.challenge")  # `user_id` says whose they are, or who goes


class ErasureBelongings(models.AbstractModel):
    """What an account owns in any addon: the documents it is responsible for, and companies that nobody else enters."""

    _name = "lokario.erasure.belongings"
    _description = "What an Account Owns"

    @api.model
    def _of(self, user) -> list[Belonging]:
        return [] if user.share else [*self._responsibilities(user), *self._companies(user)]

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
        quiet = {"mail_auto_subscribe_no_notify": True, "tracking_disable": True}
        self.env[belonging.model].browse(belonging.ids).with_context(**quiet).write({field.name: successor})

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
