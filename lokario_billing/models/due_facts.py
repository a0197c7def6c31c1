from collections import defaultdict
from datetime import timedelta
from itertools import pairwise

from odoo import api, fields, models

from odoo.addons.lokario_base.models.ir_cron_schedule import MINUTES

LATENESS = timedelta(minutes=10)  # of a scheduler
LONGEST_GAP = timedelta(hours=3)  # between two runs; a longer one was an outage, not the schedule
GAPS = 6  # last runs that show how often the check is really started


class DueNotice(models.Model):
    """What is late or coming, and who is to know it."""

    _inherit = "lokario.due.notice"

    @api.model
    def _wanted_now(self):
        """Return {key: values} of everything that should be known to somebody now."""
        return self._addressed([*self._late_invoices(), *self._tasks(), *self._appointments()])

    @api.model
    def _addressed(self, facts):
        """Return {key: values} of facts: (kind, record, who is told, who else if none of these can be, occurrence).

        Nobody is told who has left or who may not read the record.
        """
        readable = self._readable_by(facts)
        wanted = {}
        for kind, record, users, others, occurrence in facts:
            able = [user for user in users if record.id in readable[record._name, user]]
            for user in able or [user for user in others if record.id in readable[record._name, user]][:1]:
                values = self._values(kind, record, user, occurrence)
                wanted[self._key(values)] = values
        return wanted

    @api.model
    def _readable_by(self, facts):
        """Return {(model, user): ids of the records he may read}, asked once for each."""
        records = defaultdict(set)
        for _kind, record, users, others, _occurrence in facts:
            for user in (users | others)._still_here():
                records[record._name, user].add(record.id)
        readable = {
            (model, user): set(user._readable(self.env[model].browse(ids))._ids)
            for (model, user), ids in records.items()
        }
        return defaultdict(set, readable)

    @api.model
    def _late_invoices(self):
        """Invoices with an instalment that is late, to their salesperson."""
        companies = self.env["res.company"].search([])  # pylint: disable=no-search-all  # each has its own today
        late = fields.Domain.OR(
            fields.Domain("company_id", "=", company.id)
            & fields.Domain("date_maturity", "<", company._followup_today())
            for company in companies
        )
        unpaid = fields.Domain(
            [
                ("parent_state", "=", "posted"),
                ("move_id.move_type", "=", "out_invoice"),
                ("move_id.payment_state", "in", ("not_paid", "partial")),
                ("account_type", "=", "asset_receivable"),
                ("amount_residual", ">", 0),
            ]
        )
        lines = self.env["account.move.line"]
        people = {}
        for move, due in lines._read_group(unpaid & late, ["move_id"], ["date_maturity:min"]):
            company = move.company_id
            if company not in people:
                people[company] = company._billing_people()
            yield "invoice", move, move.invoice_user_id, people[company], str(due)

    @api.model
    def _tasks(self, tasks=None):
        """Late tasks, and critical ones whose deadline is near, to their assignees or else the project's manager."""
        horizon = fields.Datetime.now() + timedelta(hours=self._setting("critical_hours", 48))
        domain = fields.Domain("date_deadline", "<", horizon) & fields.Domain("is_closed", "=", False)
        if tasks is not None:
            domain &= fields.Domain("id", "in", tasks.ids)
        for task in self.env["project.task"].search(domain):
            late = task.date_deadline < fields.Datetime.now()
            if late or task.priority in ("2", "3"):
                kind = "task_late" if late else "task_critical"
                yield kind, task, task.user_ids, task.project_id.user_id | task.create_uid, str(task.date_deadline)

    @api.model
    def _appointments(self):
        """Each coming appointment at its nearest lead, to the attendees; events with alarms are left alone."""
        now = fields.Datetime.now()
        leads = sorted(self._leads())
        if not leads:
            return
        next_run = now + self._longest_wait()
        reach = {hours: max(now + timedelta(hours=hours), next_run) for hours in leads}
        coming = [("start", ">", now), ("start", "<=", reach[leads[-1]]), ("alarm_ids", "=", False)]
        for event in self.env["calendar.event"].search(coming):
            lead = next(hours for hours in leads if event.start <= reach[hours])
            guests = event.attendee_ids.filtered(lambda attendee: attendee.state != "declined").partner_id
            yield "appointment", event, guests.user_ids, guests.user_ids.browse(), f"{event.start} -{lead}h"

    @api.model
    def _longest_wait(self):
        """Return after what time the next run has surely come: what falls between two runs is told by the first."""
        cron = self.env.ref("lokario_billing.ir_cron_check_due")
        planned = timedelta(minutes=MINUTES[cron.interval_type] * cron.interval_number)
        starts = cron.endpoint_run_ids[:GAPS].mapped("started_at")
        gaps = [later - earlier for later, earlier in pairwise(starts) if later - earlier <= LONGEST_GAP]
        return max(planned, *gaps, timedelta()) + LATENESS

    @api.model
    def _leads(self):
        text = self.env["ir.config_parameter"].sudo().get_param("lokario_billing.appointment_hours", "24,1")
        return [int(part) for part in text.split(",") if part.strip().isdigit()]

    @api.model
    def _setting(self, name, default):
        return int(self.env["ir.config_parameter"].sudo().get_param(f"lokario_billing.{name}", default))

    @api.model
    def _title(self, record):
        """What the record's environment may read: a private appointment has another name for each reader."""
        record.invalidate_recordset(["display_name"])
        return record.display_name

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
            "title": self._title(record),
        }
