from odoo import SUPERUSER_ID, api, models

from odoo.addons.lokario_base.tools.deletion import DeletionStep, StepOutcome

TECHNICAL_USERS = ("base.public_user", "base.template_portal_user_id", "base.default_user")


class DeletionPlan(models.AbstractModel):
    """The steps of every account: access, files, messages, contact and user."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [
            DeletionStep("access", 10, self.env._("Sessions, API keys and tokens")),
            DeletionStep("files", 40, self.env._("Personal files")),
            DeletionStep("messages", 50, self.env._("Messages and activities")),
            DeletionStep("partner", 60, self.env._("Contact data")),
            DeletionStep("user", 90, self.env._("User")),
            *super()._steps(),
        ]

    @api.model
    def _run_step(self, step: DeletionStep, deletion) -> StepOutcome:
        return getattr(self, f"_step_{step.name}")(deletion)

    @api.model
    def _step_access(self, deletion):
        return self.env["lokario.erasure.access"]._erase(deletion)

    @api.model
    def _step_files(self, deletion):
        return self.env["lokario.erasure.messages"]._erase_files(deletion)

    @api.model
    def _step_messages(self, deletion):
        return self.env["lokario.erasure.messages"]._erase_messages(deletion)

    @api.model
    def _step_partner(self, deletion):
        return self.env["lokario.erasure.contact"]._erase_data(deletion)

    @api.model
    def _step_user(self, deletion):
        return self.env["lokario.erasure.contact"]._erase_user(deletion)

    @api.model
    def _consequences(self, user):
        return [
            self.env._("You are logged out everywhere; API keys and tokens stop working."),
            self.env._("Your personal files, messages and activities are deleted."),
            self.env._("Your contact data is deleted; where accounting needs the contact, it is anonymised instead."),
            self.env._("Invoices and accounting documents stay as long as the law asks."),
            *super()._consequences(user),
        ]

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
            return self.env._("Scheduled actions run in this user's name. Assign them to another user first.")
        return None
