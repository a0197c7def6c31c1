import ipaddress

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..const import BOARD_STATUSES, IP_STATUSES, LIVE_STATUSES, SENDING_STATUSES
from ..tools import dns_board, dns_records, health, pacing, pmta_values, warmup
from ..tools.finding import finding

HEALTH_STATES = [
    ("ok", "Ok"),
    ("slow", "Slow"),
    ("hold", "Hold"),
    ("pause", "Pause"),
    ("probation", "Probation"),
]
# Changed only with a reason: by the warm-up itself, or by a person through the wizard.
GUARDED_FIELDS = {"status", "stage", "used_days", "idle_days", "health", "health_since"}
TRANSITIONS = {  # status: what an IP may become from it
    "provisioning": {"warming", "retired"},
    "warming": {"active", "held", "paused", "quarantined", "retired"},
    "active": {"warming", "held", "paused", "quarantined", "retired"},
    "held": {"warming", "active", "paused", "quarantined", "retired"},
    "paused": {"warming", "active", "held", "quarantined", "retired"},
    "quarantined": {"warming", "active", "retired"},
    "retired": {"provisioning"},
}


class EngineIp(models.Model):
    """A sending IP address with its host name, its warm-up and its state."""

    _name = "engine.ip"
    _description = "IP address"
    _inherit = ["lokario.chatter.mixin", "mail.thread", "mail.activity.mixin", "engine.printed", "lokario.access.mixin"]
    _machine_writes_as_sudo = True
    _rec_name = "address"
    _order = "tenant_id, id"
    _printed_fields = frozenset(("address", "hostname", "domain_id", "plan_id", "active", "status", "stage", "health"))

    address = fields.Char(required=True, tracking=True)
    hostname = fields.Char("Host name (HELO)", required=True, tracking=True)
    domain_id = fields.Many2one("engine.domain", required=True, index=True, ondelete="restrict")
    tenant_id = fields.Many2one(related="domain_id.tenant_id", store=True, index=True)
    company_id = fields.Many2one(related="tenant_id.company_id", store=True, index=True)
    vmta_name = fields.Char("VirtualMTA", compute="_compute_vmta_name", store=True)
    active = fields.Boolean(default=True)
    status = fields.Selection(
        IP_STATUSES,
        required=True,
        default="provisioning",
        readonly=True,
        tracking=True,
        index=True,
        group_expand="_expand_statuses",
    )
    status_finding = fields.Json(readonly=True, copy=False)
    status_reason = fields.Char("Why", compute="_compute_reasons")
    is_sending = fields.Boolean(compute="_compute_is_sending")
    plan_id = fields.Many2one(
        "engine.warmup.plan",
        "Warm-up plan",
        required=True,
        compute="_compute_plan_id",
        store=True,
        readonly=False,
        precompute=True,
        ondelete="restrict",
        tracking=True,
    )
    stage = fields.Integer("Stage reached", readonly=True, copy=False, help="0 is the first one")
    used_days = fields.Integer("Used days in this stage", readonly=True, copy=False)
    idle_days = fields.Integer("Idle days in a row", readonly=True, copy=False)
    phase = fields.Char("Phase code", compute="_compute_phase", help="week_1 … week_6 while warming, then active")
    phase_label = fields.Char("Phase", compute="_compute_phase_label")
    plan_quota = fields.Integer("Quota of the plan", compute="_compute_phase")
    warmup_finding = fields.Json(readonly=True, copy=False)
    warmup_note = fields.Char("Last warm-up day", compute="_compute_reasons")
    consolidated_on = fields.Date("Days counted until", readonly=True, copy=False)
    health = fields.Selection(HEALTH_STATES, required=True, default="ok", readonly=True, copy=False, tracking=True)
    health_since = fields.Date(readonly=True, copy=False)
    health_finding = fields.Json(readonly=True, copy=False)
    health_reason = fields.Char(compute="_compute_reasons")
    daily_quota = fields.Integer("Quota a day now", compute="_compute_daily_quota", store=True)
    day_ids = fields.One2many("engine.ip.day", "ip_id", "Days")
    throttle_ids = fields.One2many("engine.throttle", "ip_id", "Throttled providers")
    quota_today = fields.Integer(compute="_compute_today")
    sent_today = fields.Integer("Sent and reserved today", compute="_compute_today")
    remaining_today = fields.Integer(compute="_compute_today")
    hourly_cap = fields.Integer("At most in this hour", compute="_compute_hourly_cap")

    _address_uniq = models.UniqueIndex("(address)", "This IP address is registered already.")
    _vmta_name_uniq = models.UniqueIndex("(vmta_name)", "Another IP address has this VirtualMTA name already.")

    # === COMPUTES === #

    @api.depends("domain_id")
    def _compute_plan_id(self):
        """The company's first plan, or one that all companies use; a person may choose another one."""
        for ip in self:
            usable = [False, *ip.domain_id.company_id.parent_ids.ids]
            if not ip.plan_id or ip.plan_id.company_id.id not in usable:
                ip.plan_id = ip.plan_id.search([("company_id", "in", usable)], limit=1)

    @api.depends("address", "tenant_id.slug")
    def _compute_vmta_name(self):
        for ip in self:
            ip.vmta_name = f"{ip.tenant_id.slug}-{(ip.address or '').replace(':', '-').strip('-')}"

    @api.depends("status", "active")
    def _compute_is_sending(self):
        for ip in self:
            ip.is_sending = ip.active and ip.status in SENDING_STATUSES

    @api.depends("stage", "plan_id.stage_ids.quota", "plan_id.active_quota")
    def _compute_phase(self):
        plans = {plan: plan._get_plan() for plan in self.plan_id}
        for ip in self:
            plan, progress = plans[ip.plan_id], ip._get_progress()
            ip.phase = warmup.phase_of(plan, progress)
            ip.plan_quota = warmup.quota_of(plan, progress)

    @api.depends("phase")
    @api.depends_context("lang")
    def _compute_phase_label(self):
        """The phase in people's words; a plan of one's own names its stages as it likes."""
        words = {
            "week": self.env._("Week"),
            "day": self.env._("Day"),
            "stage": self.env._("Stage"),
            "active": self.env._("Active"),
        }
        for ip in self:
            word, _dash, number = ip.phase.partition("_")
            ip.phase_label = f"{words.get(word, word)} {number}".strip()

    @api.depends("status", "active", "health", "stage", "plan_id.stage_ids.quota", "plan_id.active_quota")
    def _compute_daily_quota(self):
        for ip in self:
            share = health.share_of_quota(ip.health) if ip.is_sending else 0
            ip.daily_quota = int(ip.plan_quota * share)

    @api.depends("status_finding", "warmup_finding", "health_finding", "consolidated_on")
    @api.depends_context("lang")
    def _compute_reasons(self):
        say = self.env["engine.finding"]._say
        for ip in self:
            ip.status_reason = say(ip.status_finding)
            ip.health_reason = say(ip.health_finding)
            day = format_date(self.env, ip.consolidated_on)
            ip.warmup_note = ip.warmup_finding and f"{day} – {say(ip.warmup_finding)}"

    def _compute_today(self):
        for tenant, ips in self.grouped("tenant_id").items():
            days = self.env["engine.quota"]._read_today(tenant, ips) if tenant else {}
            for ip in ips:
                day = days.get(ip.id, {})
                ip.quota_today = day.get("quota", 0)
                ip.remaining_today = day.get("remaining", 0)
                ip.sent_today = day.get("sent", 0) + day.get("reserved", 0)

    def _compute_hourly_cap(self):
        for ip in self:
            ip.hourly_cap = ip._get_hourly_cap() if ip.id else 0

    @api.model
    def _expand_statuses(self, statuses, _domain):
        """Show the columns an IP passes through, and the others as far as they are used."""
        return [status for status, _label in IP_STATUSES if status in BOARD_STATUSES or status in statuses]

    # === CHECKS === #

    @api.constrains("address")
    def _check_address(self):
        for ip in self:
            try:
                spelled = pmta_values.address("address", ip.address)
            except pmta_values.ConfigValueError:
                spelled = None
            if spelled != ip.address:
                raise ValidationError(
                    self.env._("IP address: “%s” is not an address that mail can leave from.", ip.address)
                )

    @api.constrains("hostname")
    def _check_hostname(self):
        for ip in self:
            if not pmta_values.HOSTNAME.fullmatch(ip.hostname):
                raise ValidationError(
                    self.env._("Host name: give a full name such as mail1.example.com, not “%s”.", ip.hostname)
                )

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("address"):
                vals["address"] = self._spell_address(vals["address"])
        ips = super().create(vals_list)
        if not self.env.su and any(ip.status != "provisioning" for ip in ips):
            raise UserError(self.env._("A new IP address starts as provisioning; accept it with a reason."))
        return ips

    def write(self, vals):
        if not self.env.su and GUARDED_FIELDS & vals.keys():
            raise UserError(
                self.env._("The state of an IP address is changed with “Change state”, which asks for a reason.")
            )
        return super().write(vals)

    @api.model
    def _spell_address(self, address):
        try:
            return str(ipaddress.ip_address(str(address).strip()))
        except ValueError:
            return address

    # === STATES === #

    def _set_status(self, status, reason):
        """Change the state of the IPs and say why (words or a finding); who may do it was checked before."""
        for ip in self:
            ip._check_transition(status)
            values = {"status": status, "status_finding": reason}
            if status == "warming" and ip.status == "provisioning":
                values.update(stage=0, used_days=0, idle_days=0)
            if status in SENDING_STATUSES and ip.health in ("hold", "pause"):
                values.update(health="probation", health_since=ip.tenant_id._get_today(), health_finding=reason)
            ip.sudo().write(values)
            ip._explain(ip._in_company_language().env["engine.finding"]._say(reason))

    def _resume(self, reason):
        """Let stopped IPs go on where they were; raises when one is not stopped."""
        for ip in self:
            if ip.status in ("provisioning", "warming", "active", "retired"):
                raise UserError(self.env._("%s is not stopped.", ip.address))
            ip._set_status(ip._get_working_status(), reason)

    def _say_stops(self):
        """Return a sentence for each of the IPs that may not send now and might again."""
        labels = dict(self._fields["status"]._description_selection(self.env))
        stopped = self.filtered(lambda ip: not ip.is_sending and ip.status != "retired")
        reasons = [f" ({ip.status_reason})" if ip.status_reason else "" for ip in stopped]
        return [f"{ip.address}: {labels[ip.status]}{why}" for ip, why in zip(stopped, reasons, strict=True)]

    def _describe(self):
        """Return the IP and its day as the API lists it."""
        self.ensure_one()
        today = self.env["engine.quota"]._read_today(self.tenant_id, self)[self.id]
        return {**self._describe_today(today), "reason": self.status_reason or ""}

    def _set_health(self, state, day, reason):
        """Note how the IP fares since `day`, and stop or restart it accordingly."""
        self.ensure_one()
        status = {"pause": "paused", "hold": "held"}.get(state, self._get_working_status())
        if status != self.status:
            self._check_transition(status)
        health_values = {"health": state, "health_since": day, "health_finding": reason}
        self.sudo().write({**health_values, "status": status, "status_finding": reason})

    def _set_progress(self, progress, day, reason):
        """Note where the warm-up stands after `day`."""
        self.ensure_one()
        self.sudo().write(
            {
                "stage": progress.stage,
                "used_days": progress.used_days,
                "idle_days": progress.idle_days,
                "warmup_finding": reason,
                "consolidated_on": day,
            }
        )
        if self.status in SENDING_STATUSES and self.status != self._get_working_status():
            self._check_transition(self._get_working_status())
            self.sudo().status = self._get_working_status()

    def _check_transition(self, status):
        if status not in TRANSITIONS[self.status]:
            labels = dict(self._fields["status"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(address)s is %(now)s and cannot become %(wanted)s.",
                    address=self.address,
                    now=labels[self.status],
                    wanted=labels[status],
                )
            )

    def _start_when_verified(self):
        """Start the warm-up of IPs in provisioning whose required DNS records are all right."""
        for ip in self.filtered(lambda ip: ip.status == "provisioning"):
            checks = ip.domain_id.sudo().check_ids
            verified = {
                check.kind
                for check in checks
                if check.ip_id in (ip, ip.browse()) and check.verdict in ("ok", "warning")
            }
            if verified >= set(dns_board.REQUIRED):
                ip._set_status("warming", finding("dns_verified"))

    def _get_working_status(self):
        """Return what an IP is when nothing stops it: warming, or active after the last stage."""
        self.ensure_one()
        return "active" if self.stage >= len(self.plan_id.stage_ids) else "warming"

    def _explain(self, text):
        """Write on the IP what happened to it, as the current user."""
        self.ensure_one()
        self.sudo().message_post(body=text, author_id=self.env.user.partner_id.id, subtype_xmlid="mail.mt_note")

    def _announce(self, text):
        """Write on the IP what happened to it, and alert the people behind its tenant."""
        self._explain(text)
        self.env["engine.alert"]._raise_alert(self.tenant_id, text, ip=self)

    # === SCHEDULED === #

    @api.model
    def _cron_consolidate(self, limit=1000):
        """Count the days that ended in the tenants' time zones since the last run."""
        ips = self.search([("status", "in", LIVE_STATUSES)], limit=limit, order="consolidated_on NULLS FIRST, id")
        self._run_each(ips, self.env["engine.warmup"]._consolidate)

    @api.model
    def _cron_judge_today(self, limit=1000):
        """The emergency brake: judge the running day, too."""
        ips = self.search([("status", "in", SENDING_STATUSES)], limit=limit)
        self._run_each(ips, self.env["engine.warmup"]._judge_today)

    def _run_each(self, ips, step):
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(ips))
        for ip in ips:
            if ip.try_lock_for_update():
                step(ip._in_company_language())
            if not commit_progress(1):
                break

    # === QUOTA === #

    def _get_plan_hourly(self):
        """Return the cap an hour of this IP's stage, 0 when it has none."""
        self.ensure_one()
        return self.plan_id.stage_ids[self.stage : self.stage + 1].hourly

    def _has_hourly_cap(self):
        """Return whether less than a day's quota may leave within an hour."""
        self.ensure_one()
        return self.tenant_id.spread_over_day or bool(self._get_plan_hourly() or self.throttle_ids._in_force())

    def _get_hourly_cap(self):
        """Return how many mails may leave this IP within the hour that runs."""
        self.ensure_one()
        tenant = self.tenant_id
        cap = pacing.hourly_cap(
            self.env["engine.quota"]._read_today(tenant, self)[self.id]["quota"],
            self._get_plan_hourly(),
            spread=tenant.spread_over_day,
            left_of_day=tenant._get_end_of_today() - fields.Datetime.now(),
        )
        throttles = self.throttle_ids._in_force()
        return min(cap, throttles._get_cap()) if throttles else cap

    def _describe_today(self, row):
        """Return this IP's day as the API shows it; `sent_today` includes what is reserved."""
        self.ensure_one()
        return {
            "ip_id": self.id,
            "ip_address": self.address,
            "address": self.address,
            "status": self.status,
            "phase": self.phase,
            "daily_quota": row["quota"],
            "sent_today": row["sent"] + row["reserved"],
            "remaining": row["remaining"],
        }

    def _set_quota_today(self, quota, reason):
        """Set the quota of today by hand; the warm-up leaves this day alone."""
        self.ensure_one()
        before = self.quota_today
        self.env["engine.quota"]._set_quota_by_hand(self, quota)
        self._explain(
            self.env._("Quota of today: %(before)s → %(after)s. %(reason)s", before=before, after=quota, reason=reason)
        )
        self.invalidate_recordset(["quota_today", "remaining_today"])
        self.tenant_id._touch_configuration()

    # === WHAT OTHERS ASK === #

    def _get_progress(self):
        self.ensure_one()
        return warmup.Progress(self.stage, self.used_days, self.idle_days)

    def _describe_new(self):
        """Return what the API answers after a domain and its IP were added."""
        self.ensure_one()
        names = ("name", "type", "value")
        records = [dict(zip(names, record, strict=True)) for record in self.domain_id._get_records()]
        reverse = (dns_records.reverse_name(self.address), "PTR", f"{self.hostname}.")
        return {
            "tenant_id": self.tenant_id.id,
            "domain_id": self.domain_id.id,
            "domain": self.domain_id.name,
            "ip_id": self.id,
            "ip_address": self.address,
            "status": self.status,
            "records": [*records, dict(zip(names, reverse, strict=True))],
        }
