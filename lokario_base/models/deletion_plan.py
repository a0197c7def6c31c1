from odoo import SUPERUSER_ID, api, models
from odoo.fields import Domain

from ..tools.deletion import Belonging, DeletionStep, LegalHold, ResidueRule


class DeletionPlan(models.AbstractModel):
    """What the deletion of an account consists of. Addons inherit it and add what they know.

    `lokario_account` deletes; without it these hooks are never called, and an addon that has something to delete
    need not depend on it.

    * ``_steps`` names the steps; ``_step_<name>(deletion)`` does one. A step runs as superuser in its own transaction,
      together with the checkpoint that remembers it: it may be interrupted and repeated at any time, so it looks up
      what is left to do and does that. A step with much to do handles one batch a call and answers ``remaining=True``.
    * ``_obstacles`` gives the reasons why an account cannot be deleted now, each with what to do about it.
    * ``_belongings`` lists what the person owns and others need, each with what may become of it;
      ``_carry_out_<name>(deletion, belonging, choice, heir)`` carries out what was chosen, before the first step.
    * ``_consequences`` says what will happen.
    * ``_held_partner_reason`` and ``_is_message_held`` say what must stay, without personal data, because a law asks.
    * ``_residue_rules`` says what becomes of a text that names the person in a table for which no step knows better:
      after the steps the whole database is searched.
    * ``_legal_holds`` lists what stays and until when; ``_step_release_<…>`` steps named by ``_release_steps`` remove
      the rest once the last of these dates has passed.
    """

    _name = "lokario.deletion.plan"
    _description = "Plan of an Account's Deletion"

    @api.model
    def _steps(self) -> list[DeletionStep]:
        """Return the steps of a deletion; the order is their sequence. Extend the list, never replace it."""
        return []

    @api.model
    def _release_steps(self) -> list[DeletionStep]:
        """Return the steps that finish a deletion when its last legal hold has ended."""
        return []

    @api.model
    def _obstacles(self, user) -> list[str]:
        """Return why ``user`` cannot be deleted now and what to do, as sentences for the person who asks."""
        return [belonging.refusal for belonging in self._belongings(user) if not belonging.possible]

    @api.model
    def _consequences(self, user) -> list[str]:
        """Return what the deletion will remove or keep, as sentences for the person who asks."""
        return []

    # === WHOSE IS IT? === #

    @api.model
    def _belongings(self, user) -> list[Belonging]:
        """Return what ``user`` owns and others need. Extend the list, never replace it."""
        return []

    @api.model
    def _responsible_domain(self, model: str) -> list | None:
        """Return which of the documents that ``user_id`` names as responsible need a successor; None for none."""
        return []

    @api.model
    def _heirs(self, user, company, group="base.group_user"):
        """Return the users of ``company`` who may take over what ``user`` owns there: those with the right to."""
        may = Domain("all_group_ids", "in", self.env.ref(group).ids) & Domain("company_ids", "in", company.ids)
        return self.env["res.users"].search(self._heir_domain(user) & may & Domain("share", "=", False))

    @api.model
    def _colleagues(self, user):
        """Return the customer's other users: those whose contacts belong to the same company as this one's."""
        company = user.partner_id.commercial_partner_id - user.partner_id
        same = Domain("partner_id.commercial_partner_id", "in", company.ids)
        return self.env["res.users"].search(self._heir_domain(user) & same)

    @api.model
    def _heir_domain(self, user) -> Domain:
        return Domain("id", "not in", [*user.ids, SUPERUSER_ID])

    # === WHAT STAYS, AND WHAT IS LEFT === #

    @api.model
    def _held_partner_reason(self, partner) -> str | None:
        """Return why this contact must stay (it is then anonymised), None when it may go."""
        return None

    @api.model
    def _is_message_held(self, message) -> bool:
        """Whether this message must stay (its author is then removed from it)."""
        return False

    @api.model
    def _legal_holds(self, deletion) -> list[LegalHold]:
        """Return what stays for legal reasons, and until when. Called before the first step."""
        return []

    @api.model
    def _residue_rules(self) -> list[ResidueRule]:
        """Return what becomes of texts that still name the person, the most special rule first. A text that no rule
        fits is left to a person, and the certificate waits."""
        return []
