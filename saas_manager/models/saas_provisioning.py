import logging
import time
from contextlib import ExitStack

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.lokario_base.tools.transaction import LeaseLost

from ..exceptions import TECHNICAL, Busy
from ..tools import admin_credentials
from ..tools.provisioning_run import Run

_logger = logging.getLogger(__name__)

# What a step may fail with; anything else is logged with its traceback.
EXPECTED = (UserError, *TECHNICAL)


class SaasProvisioning(models.AbstractModel):
    """Makes an instance: checks and reserves, runs its steps one after the other, undoes them when one fails.

    What each step does is the instance's: `saas.instance._provisioning_steps`.
    """

    _name = "saas.provisioning"
    _description = "Provisioning of SaaS Instances"

    def _check(self, instance):
        """Refuse what cannot work, in a sentence, before anything is changed."""
        instance.ensure_one()
        server, template, client = instance.server_id, instance.template_id, instance.partner_id
        instance.check_access("write")
        self._check_startable(instance)
        if not client.email:
            raise UserError(
                self.env._(
                    "The client “%s” has no e-mail address: the credentials could not be sent.", client.display_name
                )
            )
        instance.plan_id._check_template(template, instance._client_country())
        if not template.is_template_ready:
            raise UserError(self.env._("The template “%s” is not built yet: build it first.", template.name))
        if server.state != "active":
            raise UserError(self.env._("The server “%s” is not active: it takes no instances.", server.name))
        if template.server_id != server:
            raise UserError(self.env._("The template and the instance must be on the same server."))
        server._check_subdomain(instance.subdomain)
        server._check_answers()

    def _check_startable(self, instance):
        """Refuse another state, and a database that a client has worked in: a failed termination may have left it."""
        holds_data = instance.is_deployed and instance.activation_date
        if instance.operation:
            raise UserError(instance._problem_text(Busy(instance.name)))
        if instance.state not in {"draft", "error"} or holds_data:
            raise UserError(instance._transition_problem("provisioning"))

    def _reserve(self, instance):
        """Take a slot of the server and queue the job, or say that there is none.

        With the table locked, two requests for the last slot cannot both count it as free.
        """
        self.env.cr.execute("SET LOCAL lock_timeout = '5s'")
        self.env.cr.execute("LOCK TABLE saas_server IN SHARE ROW EXCLUSIVE MODE")
        if not instance.exists():
            raise UserError(self.env._("Save the instance first."))
        self._check_startable(instance)
        if instance.server_id.free_slots < 1:
            raise UserError(self.env._("The server “%s” is full: it has no free place.", instance.server_id.name))
        instance._set_provisioning()
        if instance.server_id.isolation == "process":
            instance._choose_role()
        instance._queue_provisioning()

    def _run(self, instance, worker):
        """Run the steps; on any failure remove every trace and record the reason.

        A worker that has lost its lease leaves everything to its successor.
        """
        started = time.monotonic()
        with ExitStack() as stack:
            try:
                self.env["saas.instance.step"]._close_interrupted(instance)
                instance._remove_leftovers()
                run = Run(instance._database(), admin_credentials.RESERVE.take(), stack)
                for code, _label, method in instance._provisioning_steps():
                    worker.renew()
                    with instance._step(code):
                        getattr(instance, method)(run)
                worker.renew()
                with instance._own_transaction() as own:
                    own._set_active(run, time.monotonic() - started)
                    own._notify_progress()
            except LeaseLost:
                raise
            except Exception as err:
                level = logging.INFO if isinstance(err, EXPECTED) else logging.ERROR
                details = level == logging.ERROR and err
                _logger.log(level, "instance %s: provisioning failed", instance.id, exc_info=details)
                stack.close()
                worker.renew()
                with instance._own_transaction() as own:  # what failed may be the job's own connection
                    own.env["saas.provisioning"]._roll_back(own, err)

    def _roll_back(self, instance, err):
        """Undo everything; what cannot be undone is said on the record."""
        problem = instance._problem_text(err)
        try:
            with instance._step("rollback"):
                instance._remove_leftovers()
        except EXPECTED as rollback_err:
            problem += "\n" + self.env._("Undoing it failed too: %s", rollback_err)
        with instance._own_transaction() as own:
            own._set_error(problem)
            own.message_post(body=problem)
            own._notify_progress()
        instance._notify_outcome()
