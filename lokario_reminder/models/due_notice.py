import logging
from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta

from markupsafe import Markup
from odoo import api, fields, models
from psycopg2.errors import UniqueViolation

from odoo.addons.lokario_base.tools.transaction import LOST_RACES, repeating

_logger = logging.getLogger(__name__)

DIGEST_PAUSE = timedelta(minutes=55)  # one digest per person and hour; the job itself may be some minutes late


class DueNotice(models.Model):
    """Something a person was notified of, once while it lasts: the unique index holds however often the check runs.

    An addon that knows something late or coming adds its kinds and extends `_facts`.
    """

    _name = "lokario.due.notice"
    _inherit = ["lokario.access.mixin"]
    _description = "Notice of something late or coming"
    _order = "id desc"
    _rec_name = "title"

    kind = fields.Selection([], required=True)
    res_model = fields.Char(required=True)
    res_id = fields.Many2oneReference(model_field="res_model", required=True)
    user_id = fields.Many2one("res.users", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, index=True)
    occurrence = fields.Char(required=True, help="Which time this happened: due date, deadline, start and lead")
    title = fields.Char(required=True)
    state = fields.Selection([("open", "Open"), ("closed", "Cured")], required=True, default="open", index=True)
    activity_id = fields.Many2one("mail.activity", ondelete="set null")
    digest_at = fields.Datetime(string="In the digest of")

    _event_uniq = models.UniqueIndex("(kind, res_model, res_id, user_id, occurrence) WHERE state = 'open'")

    @api.model
    def _cron_check_due(self):
        """Notify people of what is late or coming, close what is cured, and send at most one digest each.

        Mails leave after the commit: all of it is run again when a person saves a record at the same moment.
        """
        repeating(self.env.cr, self._check_due)

    @api.model
    def _check_due(self):
        wanted = self._wanted_now()
        self._close_cured(wanted)
        self._open_missing(wanted)
        self._send_digests()

    @api.model
    def _key(self, values):
        return tuple(values[name] for name in ("kind", "res_model", "res_id", "user_id", "occurrence"))

    @contextmanager
    def _apart(self, what):
        """What fails for one thing or one person is undone and logged; the others are notified."""
        try:
            with self.env.cr.savepoint():
                yield
        except LOST_RACES:
            raise
        except UniqueViolation:
            _logger.info("Hourly check: %s was opened by another run", what)
        except Exception:
            _logger.exception("Hourly check: %s failed", what)

    # === HOOKS FOR SOURCES === #

    @api.model
    def _facts(self):
        """Return all that is late or coming: (kind, record, who is notified, whose turn it is if none of these can be,
        occurrence).
        """
        return []

    @api.model
    def _passing_kinds(self):
        """Return the kinds that are only announced: each occurrence once, no activity."""
        return []

    def _details(self, record):
        """Return what else the reader of a digest wants to know; `record` has his rights, language and time zone."""
        return ""

    # === FACTS === #

    @api.model
    def _wanted_now(self):
        """Return {key: values} of everything that a user should know now."""
        return self._addressed(self._facts())

    @api.model
    def _addressed(self, facts):
        """Return {key: values} of facts; whoever has left or may not read the record is passed over."""
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

    # === OPEN AND CLOSE === #

    @api.model
    def _open_missing(self, wanted):
        known = self._known(wanted.values())
        for key, values in wanted.items():
            if key not in known:
                with self._apart(key):
                    notice = self.create(values)
                    notice.activity_id = notice._schedule_activity()

    @api.model
    def _known(self, values_list):
        """Return the keys of what is known: what was cured is new when it comes back, a passing kind never."""
        ids = defaultdict(set)
        for values in values_list:
            ids[values["res_model"]].add(values["res_id"])
        domain = fields.Domain.OR(
            fields.Domain("res_model", "=", model) & fields.Domain("res_id", "in", list(res_ids))
            for model, res_ids in ids.items()
        )
        lasting = fields.Domain("state", "=", "open") | fields.Domain("kind", "in", self._passing_kinds())
        return {notice._own_key() for notice in self.search(domain & lasting)}

    def _own_key(self):
        self.ensure_one()
        return (self.kind, self.res_model, self.res_id, self.user_id.id, self.occurrence)

    def _schedule_activity(self):
        """Late work is an activity of its record."""
        self.ensure_one()
        if self.kind in self._passing_kinds():
            return False
        record = self.env[self.res_model].browse(self.res_id)
        kinds = dict(self._fields["kind"]._description_selection(self.with_context(lang=self.user_id.lang).env))
        return record.with_context(mail_activity_quick_update=True).activity_schedule(
            "mail.mail_activity_data_todo", summary=kinds[self.kind], user_id=self.user_id.id
        )

    @api.model
    def _close_cured(self, wanted):
        """What is no longer true closes itself, with its activity."""
        cured = self.search([("state", "=", "open")]).filtered(lambda notice: notice._own_key() not in wanted)
        cured.activity_id.unlink()
        cured._set_closed()

    def _set_closed(self):
        self.write({"state": "closed"})

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
            with self._apart(f"digest of user {user.id}"):
                notices._send_digest(user.with_context(lang=user.lang, tz=user.tz))
                notices.digest_at = now

    def _send_digest(self, user):
        """In the reader's language, with the titles he may read, from his own company."""
        notices = self.with_env(user.env)
        rows = Markup("").join(
            Markup("<li>{}: <a href='{}/odoo/{}/{}'>{}</a>{}</li>").format(*notice._digest_line(user))
            for notice in notices
        )
        sender = user.company_id.partner_id
        user.env["mail.thread"].message_notify(
            partner_ids=user.partner_id.ids,
            author_id=sender.id,
            email_from=sender.email_formatted or user.env["ir.mail_server"]._get_default_from_address(),
            subject=notices._digest_subject(),
            body=Markup("<ul>{}</ul>").format(rows),
        )

    def _digest_subject(self):
        if len(self) == 1:
            return self.env._("1 thing to look at")
        return self.env._("%(count)s things to look at", count=len(self))

    def _digest_line(self, user):
        """Return (kind, base address, model, id, title, what else the reader wants to know)."""
        self.ensure_one()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        companies = user.company_id | user.company_ids
        record = self.env[self.res_model].browse(self.res_id).with_user(user)
        record = record.with_context(allowed_company_ids=companies.ids)
        where = (kinds[self.kind], self.get_base_url(), self.res_model, self.res_id)
        return *where, self._title(record), self._details(record)
