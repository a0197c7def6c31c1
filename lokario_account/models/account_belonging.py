from odoo import api, fields, models

from odoo.addons.lokario_base.audit import audit
from odoo.addons.lokario_base.tools.deletion import HAND_OVER

from ..tools.belongings import FIELD


class AccountBelonging(models.Model):
    """What is to become of something that a person owns, from the request to the certificate.

    The certificate says of which model, how many, and what was chosen; never what it is called.
    """

    _name = "lokario.account.belonging"
    _inherit = ["lokario.account.belonging.mixin", "lokario.access.mixin"]
    _description = "What a Deleted Account Owned"
    _order = "id"
    _machine_writes_as_sudo = True

    deletion_id = fields.Many2one(
        "lokario.account.deletion", required=True, readonly=True, index=True, ondelete="cascade"
    )
    user_id = fields.Many2one(related="deletion_id.user_id")
    model = fields.Char("Technical Name", required=True, readonly=True)
    row_count = fields.Integer("Number", readonly=True)
    carried_out = fields.Boolean("Done", readonly=True)

    _one_per_thing = models.UniqueIndex("(deletion_id, key)")

    @api.model
    def _scope_fields(self):
        """Who takes something over works where it is, which need not be the company of the account."""
        return []

    def write(self, vals):
        if {"choice", "heir_id"} & vals.keys() and not self.env.su:
            audit(self.env, "belongings of a deletion decided", self)
        return super().write(vals)

    @api.model
    def _update(self, deletion, choices: dict[str, tuple[str, int]]) -> list[str]:
        """Bring the deletion's list in line with what the person owns now; return what is left to choose.

        :param choices: by the belonging's key, what becomes of it and the heir's id
        """
        known = deletion.belonging_ids.grouped("key")
        owned = {
            belonging.key: belonging for belonging in self.env["lokario.deletion.plan"]._belongings(deletion.user_id)
        }
        deletion.belonging_ids.filtered(lambda line: line.key not in owned).unlink()
        for key, belonging in owned.items():
            values = {"label": belonging.label, "model": belonging.model, "row_count": len(belonging.ids)}
            if key in known:
                known[key].write(values)
                continue
            choice, heir = choices.get(key, (belonging.default, False))
            if belonging.accepts(choice, heir):
                values.update(choice=choice, heir_id=heir)
            self.create({**values, "deletion_id": deletion.id, "key": key})
        deletion.belonging_ids.invalidate_recordset(["possible_choices", "possible_heir_ids"])
        return [problem for line in deletion.belonging_ids if (problem := line._problem())]

    @api.model
    def _offers(self, user, choices: dict[str, tuple[str, int]]) -> list[dict]:
        """Return the fields of a form that asks what becomes of each thing: name, label and options."""
        labels = dict(self._fields["choice"]._description_selection(self.env))
        offers = []
        for belonging in self.env["lokario.deletion.plan"]._belongings(user):
            options = [(choice, 0, labels[choice]) for choice in belonging.possible if choice != HAND_OVER]
            if HAND_OVER in belonging.possible:
                heirs = self.env["res.users"].browse(belonging.heirs)
                options += [(HAND_OVER, heir.id, self.env._("Hand over to %s", heir.name)) for heir in heirs]
            proposed = choices.get(belonging.key, (belonging.default, 0))
            offers.append(
                {
                    "name": f"{FIELD}{belonging.key}",
                    "label": belonging.label,
                    "options": [
                        {
                            "value": f"{choice}:{heir}" if heir else choice,
                            "label": label,
                            "selected": (choice, heir) == proposed,
                        }
                        for choice, heir, label in options
                    ],
                }
            )
        return offers

    def _carry_out(self):
        """Do what was chosen, and tell those who have something now."""
        plan = self.env["lokario.deletion.plan"]
        owned = {belonging.key: belonging for belonging in plan._belongings(self.user_id)}
        for line in self:
            belonging = owned[line.key]
            getattr(plan, f"_carry_out_{belonging.name}")(line.deletion_id, belonging, line.choice, line.heir_id)
        self._notify_heirs()
        self.write({"carried_out": True, "label": False})

    def _notify_heirs(self):
        for heir, lines in self.filtered("heir_id").grouped("heir_id").items():
            self.env["mail.thread"].message_notify(
                partner_ids=heir.partner_id.ids,
                subject=self.env._("Handed over to you"),
                body=self.env._(
                    "A colleague's account was deleted. This is yours now: %s", ", ".join(lines.mapped("label"))
                ),
            )
