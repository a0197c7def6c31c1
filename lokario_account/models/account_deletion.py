import logging
import secrets
from datetime import UTC
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize, hash_sign, split_every, verify_hash_signed
from odoo.tools.mail import email_normalize_all

from odoo.addons.base.models.res_users import check_identity
from odoo.addons.lokario_base.audit import audit
from odoo.addons.lokario_base.tools.email_address import spellings
from odoo.addons.lokario_base.tools.schedule import first_night

from ..tools.identity import digits
from ..tools.tombstones import bury, is_of, unknown

_logger = logging.getLogger(__name__)

MIN_NAME = 5  # letters of a name that the search looks for
DELAY_DAYS = 30  # between the request and the deletion
NOTICE_DAYS = (7, 1)  # before the deletion
ADMINISTRATOR = "base.group_system"
JOB = "lokario_account.ir_cron_account_deletions"
UNDO_SCOPE = "lokario_base.deletion.undo"  # of the links in mails that were sent already
OPEN_STATES = ("waiting", "scheduled", "erasing")
DUE_STATES = ("scheduled", "erasing")
GROUP = 25  # accounts whose steps are done together, in one transaction
SEARCH = 80  # the sequence of the step that settles what the search has found


class AccountDeletion(models.Model):
    """One person's request to have the account deleted, from the request to the certificate.

    scheduled → erasing → done, or scheduled → cancelled. Nothing is removed while it is scheduled, so that undo is
    exact; from the first step on there is no way back, only the end. Whoever asks for the deletion of an
    administrator's account needs a second administrator: waiting → scheduled, or waiting → cancelled.
    """

    _name = "lokario.account.deletion"
    _inherit = ["lokario.access.mixin", "lokario.state.mixin"]
    _description = "Account Deletion"
    _order = "id desc"

    _transitions = {
        "waiting": {"scheduled", "cancelled"},
        "scheduled": {"erasing", "cancelled"},
        "erasing": {"done"},
        "done": set(),
        "cancelled": set(),
    }

    name = fields.Char(
        "Reference", required=True, readonly=True, default=lambda self: self._new_reference(), copy=False
    )
    user_id = fields.Many2one("res.users", ondelete="set null", readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", ondelete="set null", readonly=True, index="btree_not_null")
    requested_by_id = fields.Many2one("res.users", ondelete="set null", readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    state = fields.Selection(
        [
            ("waiting", "Waiting for a Second Administrator"),
            ("scheduled", "Scheduled"),
            ("erasing", "Being Deleted"),
            ("done", "Deleted"),
            ("cancelled", "Undone"),
        ],
        required=True,
        readonly=True,
        default="scheduled",
        index=True,
    )
    requested_at = fields.Datetime(
        "Requested", required=True, readonly=True, default=lambda self: fields.Datetime.now()
    )
    deletion_scheduled_at = fields.Datetime("Undo Until", readonly=True)
    due_at = fields.Datetime(
        "Deletion Due",
        compute="_compute_due_at",
        store=True,
        help="The first night at 02:00 of the company's time zone.",
    )
    cancelled_at = fields.Datetime("Undone On", readonly=True)
    done_at = fields.Datetime("Deleted On", readonly=True)
    suspended = fields.Boolean("Access Suspended", readonly=True)
    approved_by_id = fields.Many2one("res.users", "Second Administrator", ondelete="set null", readonly=True)
    request_blacklist = fields.Boolean("Never Contact Again", readonly=True)
    notices_sent = fields.Json(default=list, readonly=True)
    undo_nonce = fields.Char(readonly=True, copy=False, groups=fields.NO_ACCESS)
    error_message = fields.Char("Last Problem", readonly=True)
    identifiers = fields.Json(
        readonly=True, copy=False, groups=fields.NO_ACCESS, help="What is searched for; gone with the certificate."
    )
    searched_at = fields.Datetime("Database Searched", readonly=True, copy=False)
    searched = fields.Json(readonly=True, copy=False, help="How many tables, columns and rows were searched.")
    belonging_ids = fields.One2many("lokario.account.belonging", "deletion_id", "What the Account Owns")
    residue_ids = fields.One2many("lokario.account.residue", "deletion_id", "What Was Found", readonly=True)
    checkpoint_ids = fields.One2many("lokario.account.deletion.checkpoint", "deletion_id", "Steps", readonly=True)
    certificate = fields.Json(readonly=True, copy=False)
    certificate_hash = fields.Char("Certificate SHA-256", readonly=True, copy=False)
    hold_until = fields.Date("Legal Hold Until", readonly=True)
    released_at = fields.Datetime("Legal Hold Finished On", readonly=True)

    _one_open_per_user = models.UniqueIndex("(user_id) WHERE state IN ('waiting', 'scheduled', 'erasing')")

    @api.model
    def _new_reference(self) -> str:
        return f"LKD-{secrets.token_hex(4).upper()}"

    @api.depends("deletion_scheduled_at", "company_id")
    def _compute_due_at(self):
        for deletion in self:
            at = deletion.deletion_scheduled_at
            deletion.due_at = at and first_night(at, deletion.company_id._lokario_time_zone())

    def _last_day(self):
        """Return the last whole day of the account: it is deleted in the night after it. False without a date."""
        if not self.due_at:
            return False
        zone = ZoneInfo(self.company_id._lokario_time_zone())
        return self.due_at.replace(tzinfo=UTC).astimezone(zone).date() - relativedelta(days=1)

    # === REQUEST AND UNDO === #

    @api.model
    def _request(self, user, request_blacklist=False, choices=None):
        """Schedule the deletion of ``user``; the caller has confirmed who asks.

        An administrator's account waits for a second administrator, unless it is one's own.

        :param request_blacklist: the person wants never to be contacted again, as Odoo's portal offers
        :param choices: what becomes of what the person owns, see `lokario.account.belonging`
        :raises AccessError: who asks is neither the person nor a manager with all of the person's rights
        :raises UserError: the account cannot be deleted now; the text says why and what to do
        """
        user.with_env(self.env)._check_may_end()
        user_sudo = user.sudo()
        if user_sudo.deletion_ids.filtered(lambda deletion: deletion.state in OPEN_STATES):
            raise UserError(self.env._("The deletion of this account is already scheduled."))
        if obstacles := self.env["lokario.deletion.plan"].sudo()._obstacles(user_sudo):
            raise UserError("\n".join(obstacles))
        deletion_sudo = self.sudo()._create_waiting(user_sudo, request_blacklist, choices or {})
        audit(self.env, "deletion requested", user)
        if user == self.env.user or not user_sudo.has_group(ADMINISTRATOR):
            deletion_sudo._set_scheduled()
        else:
            deletion_sudo._ask_administrators()
        return deletion_sudo.sudo(False)

    @api.model
    def _create_waiting(self, user, request_blacklist, choices):
        with self.env.cr.savepoint():  # what is refused leaves nothing
            deletion = self.create(
                {
                    "user_id": user.id,
                    "partner_id": user.partner_id.id,
                    "requested_by_id": self.env.uid,
                    "company_id": user.company_id.id,
                    "request_blacklist": request_blacklist,
                    "state": "waiting",
                }
            )
            if undecided := self.env["lokario.account.belonging"]._update(deletion, choices):
                raise UserError("\n".join(undecided))
        return deletion

    def _ask_administrators(self):
        """Give every administrator who may approve an activity.

        :raises UserError: there is none
        """
        administrators = self.env.ref(ADMINISTRATOR).all_user_ids.filtered("active")
        approving = administrators - self.requested_by_id - self.user_id - self.env.ref("base.user_root")
        if not approving:
            raise UserError(
                self.env._("Another administrator has to approve the deletion of an administrator, and there is none.")
            )
        for administrator in approving:
            self.partner_id.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.env._("Approve or undo the deletion of this account: Lokario › Account Deletions"),
                user_id=administrator.id,
            )

    def _set_scheduled(self):
        """Begin the delay: suspend the access and send the link that undoes it."""
        self.ensure_one()
        now = fields.Datetime.now()
        self._set_state(
            "scheduled",
            deletion_scheduled_at=now + relativedelta(days=DELAY_DAYS),
            suspended=self.company_id.deletion_suspends_access,
            undo_nonce=secrets.token_hex(16),
        )
        self.user_id._set_deletion_suspended(self.suspended and now)
        self.env.ref(JOB)._trigger(at=self.due_at)  # 02:00 here; the nightly run is at 02:00 of the main company
        self._send_notice("requested")

    @check_identity
    def action_approve(self):
        """The second administrator's button: another one than who asked and than whom it is about."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(ADMINISTRATOR) or self.env.user in self.requested_by_id | self.user_id:
            raise AccessError(self.env._("Another administrator has to approve the deletion of an administrator."))
        self.lock_for_update()
        if self.state != "waiting":
            raise UserError(self.env._("This deletion is not waiting for an administrator."))
        self.sudo().approved_by_id = self.env.user
        self.sudo()._set_scheduled()
        audit(self.env, "deletion approved", self.user_id)

    def _set_cancelled(self):
        """Undo: nothing was removed yet, so giving the access back restores the account exactly."""
        self.lock_for_update()
        for deletion in self:
            if deletion.state not in ("waiting", "scheduled"):
                raise UserError(self.env._("This deletion can no longer be undone."))
            deletion.sudo()._set_state("cancelled", cancelled_at=fields.Datetime.now(), undo_nonce=False)
            deletion.sudo().user_id._set_deletion_suspended(False)
            audit(self.env, "deletion undone", deletion.sudo().user_id)

    @check_identity
    def action_undo(self):
        """The manager's button; the person's own way is the link in the mail."""
        self.check_access("read")
        for user in self.user_id:
            user._check_may_end()
        self.sudo()._set_cancelled()

    def _undo_url(self) -> str:
        token = hash_sign(self.env, UNDO_SCOPE, [self.id, self.undo_nonce])
        return f"{self.get_base_url()}/users/deletion/undo?token={token}"

    @api.model
    def _by_undo_token(self, token: str):
        """Return the scheduled deletion that a mail's undo link names, or an empty recordset."""
        try:
            deletion_id, nonce = verify_hash_signed(self.sudo().env, UNDO_SCOPE, token or "") or (0, "")
        except (ValueError, TypeError):
            return self.browse()
        deletion_sudo = self.sudo().browse(deletion_id).exists()
        return deletion_sudo.filtered(lambda d: d.state == "scheduled" and d.undo_nonce == nonce)

    # === NOTICES === #

    def _send_notice(self, kind: str):
        """Queue the mail of one occasion once, in the person's language, and remember it."""
        self.ensure_one()
        template = self.env.ref(f"lokario_account.mail_template_deletion_{kind}")
        template.sudo().send_mail(self.id, email_layout_xmlid="mail.mail_notification_light")
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        self.notices_sent = [*(self.notices_sent or []), kind]

    def _due_notice(self, now) -> str | None:
        """The notice that is due and not sent; a missed one is skipped when the next is due too, or the deletion."""
        if self.due_at <= now:
            return None
        left = self.deletion_scheduled_at - now
        for days in sorted(NOTICE_DAYS):
            if left.total_seconds() <= days * 86400:
                kind = f"notice_{days}"
                return None if kind in (self.notices_sent or []) else kind
        return None

    # === THE NIGHTLY JOB === #

    @api.model
    def _cron_process(self):
        """Send the notices that are due, finish the deletions that are due, and those whose legal hold has ended."""
        self._schedule_restored()
        if not self._process(self._to_notify(), lambda deletions: deletions._send_due_notices()):
            return  # the next run is a moment away
        erasure, due = self.env["lokario.erasure"], self._to_erase()
        erasure._index_references(len(due))
        if not self._process(due - due._ready(), erasure._erase):
            return  # there is one search for all
        erasure._search_database(due)
        if self._process(due._ready(), erasure._finish):
            erasure._drop_indexes()
            self._process(self._to_release(), erasure._release)

    @api.model
    def _schedule_restored(self):
        """Delete again what a restored backup has brought back: accounts whose deletion it does not know."""
        references = {name for [name] in self._read_group([], ["name"])}
        tombstones = unknown(self._database_uuid(), references)
        if not tombstones:
            return
        for user in self.env["res.users"].with_context(active_test=False).search([("deletion_ids", "=", False)]):
            for tombstone in tombstones:
                former = f"{user.id}|{user.login}|{user.create_date}"  # as tombstones had it before 19.0.1.3.0
                if is_of(tombstone, self._account_key(user)) or is_of(tombstone, former):
                    _logger.warning("account #%s came back with a backup and is deleted again", user.id)
                    self.create(
                        {
                            "name": tombstone["reference"],
                            "user_id": user.id,
                            "partner_id": user.partner_id.id,
                            "company_id": user.company_id.id,
                            "deletion_scheduled_at": fields.Datetime.now() - relativedelta(days=1),
                        }
                    )

    def _bury(self):
        """Remember the account outside the database, once this transaction is committed."""
        database, account = self._database_uuid(), self._account_key(self.user_id)
        self.env.cr.postcommit.add(lambda: bury(database, self.name, account))

    @api.model
    def _database_uuid(self) -> str:
        return self.env["ir.config_parameter"].sudo().get_param("database.uuid")

    @api.model
    def _account_key(self, user) -> str:
        """Return what names an account for good: steps change its login."""
        return f"{user.id}|{user.create_date}"

    def _to_notify(self):
        horizon = fields.Datetime.now() + relativedelta(days=max(NOTICE_DAYS))
        domain = [("state", "=", "scheduled"), ("deletion_scheduled_at", "<=", horizon)]
        now = fields.Datetime.now()
        return self.search(domain).filtered(lambda deletion: deletion._due_notice(now))

    def _to_erase(self):
        """The deletions of this night; those that wait for somebody never keep the others waiting."""
        due = self.search([("state", "in", DUE_STATES), ("due_at", "<=", fields.Datetime.now())], order="due_at, id")
        return due.sorted(lambda deletion: bool(deletion.error_message))

    def _ready(self):
        """Those for which every step before the search is done."""
        before = [step.name for step in self.env["lokario.deletion.plan"]._steps() if step.sequence < SEARCH]
        finished = self.env["lokario.account.deletion.checkpoint"]._read_group(
            [("deletion_id", "in", self.ids), ("step", "in", before), ("finished", "=", True)],
            ["deletion_id"],
            ["__count"],
        )
        ready = {deletion.id for deletion, count in finished if count == len(before)}
        return self.filtered(lambda deletion: deletion.id in ready and deletion.state == "erasing")

    def _unfinished(self, step):
        return self.filtered(lambda deletion: not deletion.checkpoint_ids._is_finished(step))

    def _to_release(self):
        held = self.search(
            [("state", "=", "done"), ("hold_until", "<=", fields.Date.today()), ("released_at", "=", False)]
        )
        return held.filtered(lambda deletion: deletion.hold_until < deletion.company_id._lokario_today())

    def _process(self, deletions, act) -> bool:
        """Do this for a group at a time, and for each alone where the group fails: one never stops the others.

        :return: whether all had their turn before the time of this run was over
        """
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(deletions))
        groups = [self.browse(ids) for ids in split_every(GROUP, deletions.ids)]
        for group in groups:
            if not self._attempt(group, act):
                for deletion in group:
                    self._attempt(deletion, act)
            if not commit_progress(len(group)) and group != groups[-1]:
                return False
        return True

    def _attempt(self, deletions, act) -> bool:
        """Do it for those that nobody else has locked; whether that went well."""
        try:
            deletions.invalidate_recordset()
            act(deletions.try_lock_for_update())
        except Exception as err:
            self.env.cr.rollback()
            if len(deletions) > 1:
                _logger.info("a group of %s deletions stopped: each goes on alone", len(deletions))
                return False
            _logger.exception("deletion #%s stopped and goes on next time", deletions.id)
            deletions.error_message = f"{type(err).__name__}"
        return True

    def _send_due_notices(self):
        for deletion in self:
            if kind := deletion._due_notice(fields.Datetime.now()):
                deletion._send_notice(kind)

    # === ERASURE === #

    def _set_erasing(self, holds):
        """The point of no return: from now on there is only the end."""
        self._set_state(
            "erasing",
            undo_nonce=False,
            hold_until=max((hold.until for hold in holds), default=False),
            certificate={"holds": [vars(hold) for hold in holds]},
        )
        if not self.user_id.deletion_suspended_at:  # each change makes the server read its settings anew
            self.user_id._set_deletion_suspended(fields.Datetime.now())

    def _remember_identifiers(self):
        """Keep, until the certificate, by what each person is recognised: the steps remove it everywhere.

        A contact has the VAT number and the address of his company: these are the company's.
        """
        partners_of = {deletion: deletion._find_partners() for deletion in self}
        everybody = self.env["res.partner"].union(*partners_of.values())
        lines, addresses = self._who_has_line(everybody.mapped("phone")), self._find_addresses()
        for deletion, partners in partners_of.items():
            user = deletion.user_id
            plain = user.login if user.login and not email_normalize(user.login) else ""
            phones = [phone for phone in partners.mapped("phone") if phone and lines[_line(phone)] <= {*partners.ids}]
            private = partners.filtered(lambda contact, own=partners: contact.commercial_partner_id in own)
            at_home = partners.filtered(lambda contact: contact.type != "contact" or not contact.parent_id)
            deletion.identifiers = {
                "addresses": sorted(addresses[deletion]),
                "strong": [*addresses[deletion], *filter(None, private.mapped("vat"))],
                "numbers": [*phones, *filter(None, partners.bank_ids.mapped("acc_number"))],
                "weak": [plain, *filter(None, at_home.mapped("street")), *_names(user, *partners)],
                "people": [*(f"p{id_}" for id_ in partners.ids), *(f"u{id_}" for id_ in user.ids)],
            }

    @api.model
    def _who_has_line(self, phones) -> dict[str, set[int]]:
        """Return whose each telephone number is: a switchboard's or a family's is nobody's in particular."""
        lines = sorted({_line(phone) for phone in phones if phone})
        found = {line: set() for line in lines}
        if lines:
            self.env.flush_all()
            found |= {
                line: set(ids)
                for line, ids in self.env.execute_query(
                    SQL(
                        r"""SELECT n.end_of_number, array_agg(p.id)
                              FROM res_partner p, right(regexp_replace(p.phone, '\D', '', 'g'), 9) AS n (end_of_number)
                             WHERE p.phone IS NOT NULL AND n.end_of_number = ANY(%s) GROUP BY 1""",
                        lines,
                    )
                )
            }
        return found

    def _ask_about_residues(self):
        """Say what is left to decide, and to whom: the managers of the account's company."""
        left = self.residue_ids.filtered(lambda residue: residue.outcome == "open")
        self.error_message = self.env._(
            "%s columns still name the person. Decide about each under “What Was Found”.", len(left)
        )
        columns = ", ".join(f"{residue.table}.{residue.column}" for residue in left)
        _logger.info("deletion %s waits for a decision about %s", self.name, columns)
        self._ask_managers()

    def _ask_about_obstacles(self, obstacles: list[str]):
        """What stands in the way came after the request, or an heir is gone."""
        self.error_message = "\n".join(obstacles)
        _logger.info("deletion %s waits: there is an obstacle", self.name)
        self._ask_managers()

    def _ask_managers(self):
        managers = self.env.ref("lokario_base.group_lokario_base_manager").all_user_ids
        asked = self.partner_id.activity_ids.user_id
        for manager in managers.filtered(lambda user: user.active and self.company_id in user.company_ids) - asked:
            self.partner_id.activity_schedule(
                "mail.mail_activity_data_todo", summary=self.error_message, user_id=manager.id
            )

    def _set_done(self):
        certificate = self.checkpoint_ids._certificate(self)
        self._set_state(
            "done",
            done_at=fields.Datetime.now(),
            certificate=certificate,
            certificate_hash=self.checkpoint_ids._hash(certificate),
            error_message=False,
            suspended=False,
            identifiers=False,
        )
        _logger.info("deletion %s done", self.name)

    def _set_released(self):
        self.released_at = fields.Datetime.now()
        _logger.info("legal hold of deletion %s finished", self.name)

    def _partners(self):
        """The persons' own contacts and their addresses; the steps are asked for them often, so they are remembered."""
        remembered = self.filtered(lambda deletion: deletion.identifiers and deletion.partner_id)
        people = [person for deletion in remembered for person in deletion.identifiers["people"]]
        known = [int(person[1:]) for person in people if person.startswith("p")]
        return (self - remembered)._find_partners() | self.partner_id.with_context(active_test=False).browse(known)

    def _find_partners(self):
        """The same as they are now; the people below a contact are others."""
        partner = self.partner_id.with_context(active_test=False)
        return partner | partner.search([("parent_id", "in", partner.ids), ("type", "!=", "contact")])

    def _addresses(self) -> set[str]:
        """The persons' e-mail addresses, normalized, as they were before the first step."""
        known = self.filtered(lambda deletion: "addresses" in (deletion.identifiers or {}))
        remembered = {address for deletion in known for address in deletion.identifiers["addresses"]}
        return remembered.union(*(self - known)._find_addresses().values())

    def _find_addresses(self) -> dict:
        """Return {deletion: addresses of the person alone}, not those that a company or another account has, too."""
        found = {
            deletion: _addresses_in(
                [*deletion._partners().mapped("email"), deletion.user_id.email, deletion.user_id.login]
            )
            for deletion in self
        }
        everything = list(set().union(*found.values()))
        accounts = self.env["res.users"].search(
            Domain("login", "in", everything) | Domain("partner_id.email_normalized", "in", everything)
        )
        staying = accounts - accounts._being_erased()
        ours = self.env["res.company"].sudo().search([]).partner_id  # pylint: disable=no-search-all  # a handful
        for deletion, addresses in found.items():
            partners, others = deletion._partners(), staying - deletion.user_id
            companies = (partners.commercial_partner_id - partners) | ours
            addresses -= _addresses_in([*companies.mapped("email"), *others.mapped("email"), *others.mapped("login")])
        return found

    def _anonymous_name(self) -> str:
        return self.env._("Deleted account %s", self.name)

    def action_print_certificate(self):
        self.check_access("read")
        return self.env.ref("lokario_account.action_report_deletion_certificate").report_action(self, config=False)


def _line(phone: str) -> str:
    """Return the end of a telephone number, which is the same from abroad and at home."""
    return digits(phone)[-9:]


def _addresses_in(texts) -> set[str]:
    """Return the normalized addresses of fields, each of which may hold several, in all their spellings."""
    return {each for text in texts for address in email_normalize_all(text or "") for each in spellings(address)}


def _names(*people) -> list[str]:
    """Return the names that are long enough not to be any word."""
    return [person.name for person in people if len(person.name or "") >= MIN_NAME]
