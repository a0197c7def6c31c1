from odoo import SUPERUSER_ID, api, models
from odoo.fields import Domain

from odoo.addons.lokario_base.tools.deletion import DeletionStep, ResidueRule, StepOutcome

from .account_deletion import OPEN_STATES, SEARCH

TECHNICAL_USERS = ("base.public_user", "base.template_portal_user_id", "base.default_user")

TRANSIENT_TABLES = ("bus_bus", "ir_logging", "res_device_log", "mail_push*")
FILE_COLUMNS = ("index_content", "db_datas")  # what a file says, and the file where the database keeps it
OTHERS_TABLES = (  # what others wrote or own
    "mail_*", "discuss_*", "ir_attachment", "queue_job*", "crm_*", "event_*", "mailing_*", "calendar_*", "project_*",
    "helpdesk_*", "survey_*", "website_*", "im_livechat*", "rating_*", "link_tracker*", "sms_*", "lokario_*", "inbox_*",
    "mailbox_*", "saas_*",
)  # fmt: skip


class DeletionPlan(models.AbstractModel):
    """The steps of every account: access, files, messages, contact and user."""

    _inherit = "lokario.deletion.plan"

    @api.model
    def _steps(self):
        return [
            DeletionStep("access", 10, self.env._("Sessions, API keys and tokens"), together=True),
            DeletionStep("files", 40, self.env._("Personal files"), together=True),
            DeletionStep("messages", 50, self.env._("Messages and activities"), together=True),
            DeletionStep("partner", 60, self.env._("Contact data"), together=True),
            DeletionStep("residues", SEARCH, self.env._("Search of the whole database")),
            DeletionStep("user", 90, self.env._("User"), together=True),
            *super()._steps(),
        ]

    @api.model
    def _run_step(self, step: DeletionStep, deletions) -> dict:
        """Return {deletion: what the step did}."""
        deletions.filtered(lambda deletion: not deletion.identifiers)._remember_identifiers()
        do = getattr(self, f"_step_{step.name}")
        return do(deletions) if step.together else {deletion: do(deletion) for deletion in deletions}

    @api.model
    def _step_access(self, deletions):
        return self.env["lokario.erasure.access"]._erase(deletions)

    @api.model
    def _step_files(self, deletions):
        return self.env["lokario.erasure.messages"]._erase_files(deletions)

    @api.model
    def _step_messages(self, deletions):
        return self.env["lokario.erasure.messages"]._erase_messages(deletions)

    @api.model
    def _step_partner(self, deletions):
        return self.env["lokario.erasure.contact"]._erase_data(deletions)

    @api.model
    def _step_residues(self, deletion):
        """Settle what still names the person; a decision that only a person can take stays open."""
        if not deletion.searched_at:
            self.env["lokario.erasure.search"]._look_for(deletion)
        deletion.residue_ids._apply_rules()
        held = deletion.residue_ids.filtered(lambda residue: residue.outcome == "held")
        return StepOutcome(kept={residue.table: residue.row_count for residue in held})

    @api.model
    def _step_user(self, deletions):
        return self.env["lokario.erasure.contact"]._erase_users(deletions)

    @api.model
    def _consequences(self, user):
        return [
            self.env._("You are logged out everywhere; API keys and tokens stop working."),
            self.env._("Your personal files, private conversations, notes and activities are deleted."),
            self._correspondence_consequence(user.company_id),
            self.env._("Your contact data is deleted; where accounting needs the contact, it is anonymised instead."),
            self.env._("Invoices and accounting documents stay as long as the law asks."),
            *super()._consequences(user),
        ]

    @api.model
    def _correspondence_consequence(self, company):
        if company.deletion_keeps_correspondence:
            return self.env._("What you wrote on documents of the company or to others stays there, without your name.")
        return self.env._("What you wrote on documents of the company is deleted, except where accounting needs it.")

    @api.model
    def _is_message_held(self, message):
        """What people wrote to others stays theirs; private conversations go."""
        return self._is_correspondence(message) or super()._is_message_held(message)

    @api.model
    def _is_correspondence(self, message):
        if not message.model or message.model not in self.env:
            return False
        record = self.env[message.model].browse(message.res_id).exists()
        if not record or (message.model == "discuss.channel" and record.channel_type in ("chat", "group")):
            return False
        author = message.author_id.with_context(active_test=False).user_ids[:1]
        company = record.company_id if "company_id" in record else author.company_id
        return (company or author.company_id or self.env.company).deletion_keeps_correspondence

    @api.model
    def _residue_rules(self):
        """For Odoo's own tables: texts of others lose the identifiers, notifications and log lines go."""
        held_staff = self.env._("Staff register: five years after the person left (Code du travail, R1221-26)")
        held_books = self.env._("Accounting: ten years from the end of the fiscal year (Code de commerce, L123-22)")
        held_files = self.env._("Files of others stay as they were sent or received (GDPR, article 17(3))")
        return [
            *super()._residue_rules(),
            *(ResidueRule(table, "delete") for table in TRANSIENT_TABLES),
            ResidueRule("mail_blacklist*", "hold", reason=self.env._("The person wished never to be contacted again.")),
            ResidueRule("hr_*", "hold", reason=held_staff),
            ResidueRule("account_*", "hold", reason=held_books),
            *(ResidueRule("ir_attachment", "hold", column, held_files) for column in FILE_COLUMNS),
            ResidueRule("payment_*", "redact"),
            ResidueRule("sale_order*", "redact"),
            ResidueRule("mailing_contact", "delete"),
            *(ResidueRule(table, "redact") for table in OTHERS_TABLES),
        ]

    # === WHOSE IS IT? === #

    @api.model
    def _belongings(self, user):
        return [*super()._belongings(user), *self.env["lokario.erasure.belongings"]._of(user)]

    @api.model
    def _responsible_domain(self, model):
        """To-dos without a project are the person's own."""
        domain = super()._responsible_domain(model)
        return [*domain, ("project_id", "!=", False)] if model == "project.task" else domain

    @api.model
    def _heir_domain(self, user):
        """Who is about to go takes nothing over."""
        going = Domain("deletion_ids", "any", [("state", "in", OPEN_STATES)])
        return super()._heir_domain(user) & ~going

    @api.model
    def _carry_out_responsibility(self, deletion, belonging, choice, heir):
        self.env["lokario.erasure.belongings"]._carry_out_responsibility(deletion.user_id, belonging, heir)

    @api.model
    def _carry_out_meetings(self, deletion, belonging, choice, heir):
        self.env["lokario.erasure.belongings"]._carry_out_meetings(deletion.user_id, belonging, heir)

    @api.model
    def _carry_out_company(self, deletion, belonging, choice, heir):
        self.env["lokario.erasure.belongings"]._carry_out_company(belonging, heir)

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
        going = administrators.filtered(lambda one: {*OPEN_STATES} & {*one.deletion_ids.mapped("state")})
        if user in administrators and not administrators - going - user - self.env.ref("base.user_root"):
            return self.env._("You are the last administrator. Give another user the administrator's rights first.")
        return None

    @api.model
    def _shared_contact(self, user):
        """A contact that others use is not the person: whoever sits on a company's contact does not speak for all."""
        partner = user.partner_id
        below = partner.with_context(active_test=False).search([("id", "child_of", partner.ids)]) - partner
        others = (partner | below).with_context(active_test=True).user_ids - user
        colleagues = below.filtered(lambda contact: contact.type == "contact")
        companies = self.env["res.company"].search_count([("partner_id", "in", (partner | below).ids)], limit=1)
        if others or colleagues or companies or partner.is_company:
            return self.env._(
                "This account uses the contact of a company, or shares its contact with other people. "
                "Ask us to give it a contact of its own first (Settings › Users › Related Partner)."
            )
        return None

    @api.model
    def _scheduled_actions(self, user):
        if self.env["ir.cron"].with_context(active_test=False).search_count([("user_id", "=", user.id)], limit=1):
            return self.env._("Scheduled actions run in this user's name. Assign them to another user first.")
        return None
