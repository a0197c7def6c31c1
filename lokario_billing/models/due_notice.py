from collections import defaultdict
from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models

NOTICE_KINDS = [
    ("invoice", "Overdue invoice"),
    ("task_late", "Late task"),
    ("task_critical", "Critical task"),
    ("appointment", "Appointment"),
]
DIGEST_PAUSE = timedelta(minutes=55)  # one digest per person and hour; the job itself may be some minutes late


class DueNotice(models.Model):
    """Something a person was told about, once: the unique index holds however often the check runs."""

    _name = "lokario.due.notice"
    _description = "Notice of something late or coming"
    _order = "id desc"
    _rec_name = "title"

    kind = fields.Selection(NOTICE_KINDS, required=True)
    res_model = fields.Char(required=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True)
    user_id = fields.Many2one("res.users", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, index=True)
    occurrence = fields.Char(required=True, help="Which time this happened: due date, deadline, start and lead")
    title = fields.Char(required=True)
    state = fields.Selection([("open", "Open"), ("closed", "Cured")], required=True, default="open", index=True)
    activity_id = fields.Many2one("mail.activity", ondelete="set null")
    digest_at = fields.Datetime(string="In the digest of")

    _event_uniq = models.UniqueIndex("(kind, res_model, res_id, user_id, occurrence)")

    @api.model
    def _cron_check_due(self):
        """Tell people what is late or coming, close what is cured, and send at most one digest each."""
        wanted = self._wanted_now()
        self._close_cured(wanted)
        self._open_missing(wanted)
        self._send_digests()

    @api.model
    def _wanted_now(self):
        """Return {key: values} of everything that should be known to somebody now."""
        wanted = {}
        for values in (*self._late_invoices(), *self._tasks(), *self._appointments()):
            wanted[self._key(values)] = values
        return wanted

    @api.model
    def _key(self, values):
        return tuple(values[name] for name in ("kind", "res_model", "res_id", "user_id", "occurrence"))

    # === WHAT IS LATE OR COMING === #

    @api.model
    def _late_invoices(self):
        companies = self.env["res.company"].search([])  # pylint: disable=no-search-all  # each has its own today
        late = fields.Domain.OR(
            fields.Domain("company_id", "=", company.id)
            & fields.Domain("invoice_date_due", "<", company._followup_today())
            for company in companies
        )
        unpaid = fields.Domain(
            [
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
            ]
        )
        for move in self.env["account.move"].search(unpaid & late):
            user = move.invoice_user_id or self.env.ref("base.user_admin")
            yield self._values("invoice", move, user, str(move.invoice_date_due))

    @api.model
    def _tasks(self, tasks=None):
        """Late tasks, and critical ones whose deadline is near, to each of their assignees."""
        horizon = fields.Datetime.now() + timedelta(hours=self._setting("critical_hours", 48))
        domain = fields.Domain("date_deadline", "<", horizon) & fields.Domain("is_closed", "=", False)
        if tasks is not None:
            domain &= fields.Domain("id", "in", tasks.ids)
        for task in self.env["project.task"].search(domain):
            late = task.date_deadline < fields.Datetime.now()
            if not late and task.priority not in ("2", "3"):
                continue
            for user in task.user_ids.filtered(lambda user: not user.share):
                yield self._values("task_late" if late else "task_critical", task, user, str(task.date_deadline))

    @api.model
    def _appointments(self):
        """Each coming appointment at its nearest lead, to the attendees; events with alarms are left alone."""
        now = fields.Datetime.now()
        leads = sorted(self._leads())
        events = (
            self.env["calendar.event"].search(
                [
                    ("start", ">", now),
                    ("start", "<=", now + timedelta(hours=leads[-1])),
                    ("alarm_ids", "=", False),
                ]
            )
            if leads
            else self.env["calendar.event"]
        )
        for event in events:
            lead = next(hours for hours in leads if event.start - timedelta(hours=hours) <= now)
            coming = event.attendee_ids.filtered(lambda attendee: attendee.state != "declined").partner_id
            for user in coming.user_ids.filtered(lambda user: not user.share):
                yield self._values("appointment", event, user, f"{event.start} -{lead}h")

    @api.model
    def _leads(self):
        text = self.env["ir.config_parameter"].sudo().get_param("lokario_billing.appointment_hours", "24,1")
        return [int(part) for part in text.split(",") if part.strip().isdigit()]

    @api.model
    def _setting(self, name, default):
        return int(self.env["ir.config_parameter"].sudo().get_param(f"lokario_billing.{name}", default))

    @api.model
    def _values(self, kind, record, user, occurrence):
        company = record.company_id if "company_id" in record and record.company_id else user.company_id
        return {
            "kind": kind,
            "res_model": record._name,
            "res_id": record.id,
            "user_id": user.id,
            "company_id": company.id,
            "occurrence": occurrence,
            "title": record.display_name,
        }

    # === TELL AND CLOSE === #

    @api.model
    def _open_missing(self, wanted):
        known = self._known(wanted.values())
        missing = [values for key, values in wanted.items() if key not in known]
        notices = self.create(missing)
        for notice in notices:
            notice.activity_id = notice._schedule_activity()
        return notices

    @api.model
    def _known(self, values_list):
        ids = defaultdict(set)
        for values in values_list:
            ids[values["res_model"]].add(values["res_id"])
        domain = fields.Domain.OR(
            fields.Domain("res_model", "=", model) & fields.Domain("res_id", "in", list(res_ids))
            for model, res_ids in ids.items()
        )
        return {
            (notice.kind, notice.res_model, notice.res_id, notice.user_id.id, notice.occurrence)
            for notice in self.search(domain)
        }

    def _schedule_activity(self):
        """Late work is an activity of its record; an appointment is only announced."""
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id)
        if self.kind == "appointment":
            return False
        kinds = dict(self._fields["kind"]._description_selection(self.with_context(lang=self.user_id.lang).env))
        return record.with_context(mail_activity_quick_update=True).activity_schedule(
            "mail.mail_activity_data_todo", summary=kinds[self.kind], user_id=self.user_id.id
        )

    @api.model
    def _close_cured(self, wanted):
        """What is no longer true closes itself, with its activity."""
        notices = self.search([("state", "=", "open")])
        cured = notices.filtered(lambda n: (n.kind, n.res_model, n.res_id, n.user_id.id, n.occurrence) not in wanted)
        cured.activity_id.unlink()
        cured.write({"state": "closed"})

    @api.model
    def _send_digests(self):
        """One message per person with all that is new; a person who has just had one waits for the next hour."""
        fresh = self.search([("digest_at", "=", False), ("state", "=", "open")])
        now = fields.Datetime.now()
        latest = dict(
            self._read_group(
                [("user_id", "in", fresh.user_id.ids), ("digest_at", "!=", False)], ["user_id"], ["digest_at:max"]
            )
        )
        for user, notices in fresh.grouped("user_id").items():
            if latest.get(user) and latest[user] > now - DIGEST_PAUSE:
                continue
            notices._send_digest(user.with_context(lang=user.lang))
            notices.digest_at = now

    def _send_digest(self, user):
        kinds = dict(self._fields["kind"]._description_selection(user.env))
        rows = Markup("").join(
            Markup("<li>{}: <a href='{}/odoo/{}/{}'>{}</a></li>").format(
                kinds[notice.kind], self.get_base_url(), notice.res_model, notice.res_id, notice.title
            )
            for notice in self
        )
        user.env["mail.thread"].message_notify(
            partner_ids=user.partner_id.ids,
            subject=user.env._("%(count)s things to look at", count=len(self)),
            body=Markup("<ul>{}</ul>").format(rows),
        )

    @api.model
    def _check_at_once(self, tasks):
        """A task that is late when it is written: told now, under the key the hourly check uses."""
        wanted = {self._key(values): values for values in self._tasks(tasks)}
        return self.sudo()._open_missing(wanted) if wanted else self


class ProjectTask(models.Model):
    _inherit = "project.task"

    @api.model_create_multi
    def create(self, vals_list):
        tasks = super().create(vals_list)
        tasks._notice_if_late()
        return tasks

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"date_deadline", "user_ids", "priority", "state", "stage_id"}:
            self._notice_if_late()
        return result

    def _notice_if_late(self):
        dated = self.filtered("date_deadline")
        if dated:
            self.env["lokario.due.notice"].sudo()._check_at_once(dated)
