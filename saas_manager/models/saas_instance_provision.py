import logging
import time
import uuid
from contextlib import ExitStack, contextmanager

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.lokario_base.tools.transaction import LeaseLost, lease
from odoo.addons.queue_job.exception import RetryableJobError

from ..const import BUS_TYPE, PROVISIONING_STEPS
from ..exceptions import TECHNICAL, Busy
from ..tools import admin_credentials

_logger = logging.getLogger(__name__)

LEASE = 120  # seconds without a sign of life until a worker that hangs loses its instance to another
LEASE_WAIT = 10  # seconds; a provisioning takes two
LEASE_PAUSE = 0.1  # seconds between two looks
JOB_RETRY = 5  # seconds until another worker may take over an instance that is being worked on
# What a step may fail with; anything else is logged with its traceback.
EXPECTED = (UserError, *TECHNICAL)


class SaasInstance(models.Model):
    _inherit = "saas.instance"

    # === REQUEST === #

    def action_provision_instance(self):
        """Reserve a place and queue the work; the form shows how it goes on."""
        for instance in self:
            instance._check_provisionable()
            with instance._own_transaction() as own:
                own._reserve()
        return self._notification(
            self.env._("Provisioning has started"),
            self.env._("%s: you will see here when it is ready.", ", ".join(self.mapped("name"))),
            "info",
        )

    def _check_provisionable(self):
        """Refuse what cannot work, in a sentence, before anything is changed."""
        self.ensure_one()
        server, template = self.server_id, self.template_id
        self.check_access("write")
        self._check_startable()
        if not self.partner_id.email:
            raise UserError(
                self.env._(
                    "The client “%s” has no e-mail address: the credentials could not be sent.",
                    self.partner_id.display_name,
                )
            )
        if not template.is_template_ready:
            raise UserError(self.env._("The template “%s” is not built yet: build it first.", template.name))
        if server.state != "active":
            raise UserError(self.env._("The server “%s” is not active: it takes no instances.", server.name))
        if template.server_id != server:
            raise UserError(self.env._("The template and the instance must be on the same server."))
        self._check_subdomain()
        server._check_answers()

    def _check_startable(self):
        """Refuse another state, and a database that a client has worked in: a failed termination may have left it."""
        holds_data = self.is_deployed and self.activation_date
        if self.operation:
            raise UserError(self.server_id._problem_text(Busy(self.name)))
        if self.state not in {"draft", "error"} or holds_data:
            raise UserError(self._transition_problem("provisioning"))

    def _reserve(self):
        """Take a place on the server and queue the job, or say that there is none.

        With the table locked, two requests for the last place cannot both count it as free.
        """
        self.env.cr.execute("SET LOCAL lock_timeout = '5s'")
        self.env.cr.execute("LOCK TABLE saas_server IN SHARE ROW EXCLUSIVE MODE")
        if not self.exists():
            raise UserError(self.env._("Save the instance first."))
        self._check_startable()
        if self.server_id.free_places < 1:
            raise UserError(self.env._("The server “%s” is full: it has no free place.", self.server_id.name))
        self._set_state("provisioning", error_message=False, warning_message=False, attempt=str(uuid.uuid4()))
        self._prepare_tenant()
        self._queue_provisioning()

    def _queue_provisioning(self):
        self.with_delay(
            channel="root.provision",
            identity_key=f"saas.instance:provision:{self.uuid}:{self.attempt}",
            description=f"Provision {self.database_name}",
        )._job_provision()

    def _cron_resume(self):
        """Queue again what was begun and has no job any more; one that is still there is not doubled."""
        for instance in self.search([("state", "=", "provisioning")]):
            instance._queue_provisioning()
        for instance in self.search([("operation", "!=", False)]):
            instance._queue_resumption()

    # === JOB === #

    def _job_provision(self):
        """Provision, then tell the client. Runs as a queue job and may be run again at any point.

        Its outcome is stored on the instance, never raised. A run that finds the half-done work of
        a killed one removes it and starts afresh; the mail is never sent twice.
        """
        self.ensure_one()
        try:
            with self._alone() as mine:
                if not mine:
                    raise LeaseLost(self.uuid)
                if self._committed(lambda own: own.state == "provisioning"):
                    self._provision(mine)
        except LeaseLost as err:
            reason = "another worker has this instance"
            raise RetryableJobError(reason, seconds=JOB_RETRY, ignore_retry=True) from err
        # Also when the instance was suspended in the meantime, or when this is a second run.
        if self._committed(lambda own: own.is_deployed and own.sudo().pending_password):
            self._send_provisioning_email()
            self._tell_outcome()
        admin_credentials.RESERVE.refill()

    @contextmanager
    def _alone(self):
        """A lease of this instance; None when, after some waiting, somebody else still works on it."""
        deadline = time.monotonic() + LEASE_WAIT
        while True:
            with lease(self.env, f"saas.instance:{self.uuid}", LEASE) as mine:
                if mine or time.monotonic() > deadline:
                    yield mine
                    return
            time.sleep(LEASE_PAUSE)

    def _committed(self, question):
        """Answer ``question`` from what others see; a job's own transaction still shows its beginning."""
        with self._own_transaction() as own:
            return question(own)

    def _provision(self, mine):
        """Run the steps; on any failure remove every trace and record the reason.

        A worker that has lost its lease ``mine`` leaves everything to its successor.
        """
        started = time.monotonic()
        with ExitStack() as stack:
            try:
                self._close_interrupted_steps()
                self._remove_leftovers()
                run = self._start_run(stack)
                for code, _label, method in PROVISIONING_STEPS:
                    mine.renew()
                    with self._step(code):
                        getattr(self, method)(run)
                mine.renew()
                self._activate(run, time.monotonic() - started)
            except LeaseLost:
                raise
            except Exception as err:
                level = logging.INFO if isinstance(err, EXPECTED) else logging.ERROR
                _logger.log(level, "instance %s: provisioning failed", self.id, exc_info=level == logging.ERROR and err)
                stack.close()
                mine.renew()
                with self._own_transaction() as own:  # what failed may be the job's own connection
                    own._roll_back(err)

    def _activate(self, run, seconds):
        with self._own_transaction() as own:
            own._set_state(
                "active",
                activation_date=fields.Datetime.now(),
                provision_seconds=seconds,
                template_version=own.template_id.version,
                warning_message="\n".join(run.warnings) or False,
            )
            own.sudo()._set_guarded(pending_password=run.password.text, credentials_email=own.partner_id.email)
            own._tell_progress()

    def _roll_back(self, err):
        """Undo everything; what cannot be undone is said on the record."""
        problem = self.server_id._problem_text(err)
        try:
            with self._step("rollback"):
                self._remove_leftovers()
        except EXPECTED as rollback_err:
            problem += "\n" + self.env._("Undoing it failed too: %s", rollback_err)
        with self._own_transaction() as own:
            own._set_state("error", error_message=problem)
            own.message_post(body=problem)
            own._tell_progress()
        self._tell_outcome()

    def _close_interrupted_steps(self):
        """Say in the journal what a killed run was doing."""
        with self._own_transaction() as own:
            running_sudo = own.sudo().step_ids.filtered(lambda step: step.state == "running")
            running_sudo.write({"state": "failed", "message": own.env._("Interrupted")})

    def _remove_leftovers(self):
        """Remove route, database and folder of this instance, if any are there and ours."""
        with self._own_transaction() as own:
            own._route_sudo().unlink()
        self._delete_database()

    # === HELPERS === #

    def _route_sudo(self):
        """This instance's route; the table is nobody's to edit by hand."""
        return self.env["lokario.gate.route"].sudo().search([("instance_uuid", "=", self.uuid)])

    def _route_values(self):
        return {
            "host": self.host,
            "database": self.database_name,
            "instance_uuid": self.uuid,
            **self._tenant_route_values(),
        }

    @contextmanager
    def _step(self, code):
        """Journal what the block does: a row before it, its outcome after, each at once."""
        with self._own_transaction() as own:
            step_id = (
                own.env["saas.instance.step"]
                .sudo()
                .create({"instance_id": own.id, "attempt": own.attempt or own.uuid, "code": code})
                .id
            )
            own._tell_progress()
        started = time.monotonic()
        try:
            yield
        except Exception as err:
            self._end_step(step_id, started, "failed", self.server_id._problem_text(err))
            raise
        self._end_step(step_id, started, "done", False)

    def _end_step(self, step_id, started, state, message):
        with self._own_transaction() as own:
            step = own.env["saas.instance.step"].sudo().browse(step_id)
            step.write({"state": state, "duration": time.monotonic() - started, "message": message})
            own._tell_progress()

    def _tell_progress(self):
        """Make open forms of this instance show its new state."""
        group = self.env.ref("saas_manager.group_saas_manager_user")
        group._bus_send(BUS_TYPE, {"model": self._name, "id": self.id})
