import uuid
from contextlib import contextmanager

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.lokario_base.identity import confirm_identity
from odoo.addons.queue_job.exception import RetryableJobError

from ..const import ADMINISTRATORS, OPERATION_MAILS, RESUME_AFTER, TRANSITIONS
from ..exceptions import TECHNICAL, Busy, NotOurs
from ..tools import admin_credentials


class SaasInstance(models.Model):
    _inherit = "saas.instance"

    # === SUSPEND, REACTIVATE, TERMINATE === #

    def action_suspend(self, reason=None):
        """Cut the access of people, programs and scheduled actions within a second.

        :param str reason: for the journal and, if the template says so, the client
        """
        for instance in self:
            instance._request("suspend", reason, sources={"active"})
        return self._outcome_notification(self.env._("Access is cut"))

    def action_reactivate(self):
        """Give the access back within a second."""
        for instance in self:
            instance._request("reactivate", sources={"suspended"})
        return self._outcome_notification(self.env._("Access is open again"))

    def action_terminate(self, reason=None):
        """Delete the database for good. For SaaS administrators only."""
        if not self.env.user.has_group(ADMINISTRATORS):
            raise AccessError(self.env._("Only a SaaS administrator may terminate an instance."))
        for instance in self:
            instance._request("terminate", reason)
        return self._outcome_notification(self.env._("The database is deleted"))

    def _request(self, code, reason=None, sources=None):
        """Write down what is to be done, with the job that finishes it after a crash, then do it."""
        self.check_access("write")
        with self._own_transaction() as own:
            own._check_operation(code, sources)
            own._set_guarded(operation=code, operation_reason=reason or False)
            own._queue_resumption()
        try:
            self._carry_out()
        except TECHNICAL as err:
            raise UserError(self.server_id._problem_text(err)) from err

    def _check_operation(self, code, sources):
        """Refuse what the table of transitions does not allow; what was begun may be asked for again."""
        target = OPERATION_MAILS[code]
        target = "active" if code == "reactivate" else target
        if self.operation == code:
            return
        if self.operation:
            raise UserError(self.server_id._problem_text(Busy(self.name)))
        if (sources and self.state not in sources) or target not in TRANSITIONS[self.state]:
            raise UserError(self._transition_problem(target))

    def _queue_resumption(self):
        self.with_delay(
            channel="root.provision",
            eta=RESUME_AFTER,
            identity_key=f"saas.instance:{self.operation}:{self.uuid}",
            description=f"Finish {self.operation} of {self.database_name}, if it was interrupted",
        )._job_resume()

    def _job_resume(self):
        """Finish what a request began that was killed, or failed because something did not answer."""
        self.ensure_one()
        try:
            self._carry_out()
        except TECHNICAL as err:
            raise RetryableJobError(f"{type(err).__name__}: {err}", seconds=RESUME_AFTER) from err

    def _carry_out(self):
        """Do what is under way, alone; done again after an interruption it does what is left."""
        with self._alone() as mine:
            if not mine:
                raise Busy(self.name)
            code = self._committed(lambda own: own.exists() and own.operation)
            if not code:
                return
            try:
                with self._step(code):
                    getattr(self, f"_{code}")()
            except NotOurs:
                self._end_operation()  # another manager's: asking again changes nothing
                raise
            mine.renew()
            self._tell_client(code)
            self._end_operation()

    def _tell_client(self, code):
        """Mail what has happened, to nobody about what never lived."""
        if self._committed(lambda own: bool(own.activation_date)):
            self._send_lifecycle_email(OPERATION_MAILS[code])

    def _end_operation(self):
        with self._own_transaction() as own:
            own._set_guarded(operation=False, operation_reason=False)

    def _suspend(self):
        postgres, mark = self.server_id._get_postgres__(), self.server_id._owner_mark(self.uuid)
        if not self._is_isolated():
            # Crons no longer see it and open sessions end; backups and measurements still get in.
            postgres.hide(self.database_name, mark)
        with self._own_transaction() as own:
            if own.state != "suspended":
                reason = own.operation_reason
                own._set_state("suspended", suspension_date=fields.Datetime.now(), suspension_reason=reason)
            own._route_sudo().write({"state": "suspended", **own._suspended_page()})
            own._tell_progress()
        if self._is_isolated():
            postgres.shut_out(self.database_name, self.tenant_role)  # its process has been told by the route
        else:
            postgres.hide(self.database_name, mark)  # who came back before the gate closed leaves now

    def _suspended_page(self):
        """What visitors read meanwhile, besides the gate's own words."""
        server = self.server_id
        return {"message": server.suspension_message, "contact": server.contact or self.company_id.email}

    def _reactivate(self):
        postgres = self.server_id._get_postgres__()
        postgres.publish(self.database_name, self.server_id._owner_mark(self.uuid))
        if self._is_isolated():
            postgres.let_in(self.tenant_role)
        with self._own_transaction() as own:
            if own.state != "active":
                own._set_state("active", reactivation_date=fields.Datetime.now(), suspension_reason=False)
            own._route_sudo().unlink()
            own.env["lokario.gate.route"].sudo().create(own._route_values())
            own._tell_progress()

    def _terminate(self):
        try:
            with self._own_transaction() as own:
                own._route_sudo().unlink()
            self._delete_database()
        except TECHNICAL as err:
            with self._own_transaction() as own:
                own._set_state("error", error_message=own.server_id._problem_text(err))
            raise
        with self._own_transaction() as own:
            if own.state != "terminated":
                own._set_terminated()
            own._tell_progress()

    def _set_terminated(self):
        self.sudo()._set_guarded(pending_password=False)
        self._set_state(
            "terminated",
            termination_date=fields.Datetime.now(),
            termination_reason=self.operation_reason,
            error_message=False,
            warning_message=False,
        )

    def _delete_database(self):
        """Drop the database and its files, if they are there and this instance's.

        Done again after an interruption it finishes what is left.
        """
        self.ensure_one()
        with self._own_transaction() as own:
            if not own.is_deployed:
                return
            # `is_deployed` is our written intent to create this very name: that settles a crash
            # between CREATE DATABASE and the mark.
            unmarked_is_ours = own.state == "provisioning"
        mark, postgres = self.server_id._owner_mark(self.uuid), self.server_id._get_postgres__()
        if self._is_isolated() and postgres.has_role(self.tenant_role):
            postgres.shut_out(self.database_name, self.tenant_role)
        postgres.drop(self.database_name, mark, unmarked_is_ours)
        self._files().remove(self.database_name)
        if self._is_isolated():
            postgres.drop_role(self.tenant_role)
        self._set_deployed(False)

    def _set_deployed(self, deployed):
        with self._own_transaction() as own:
            own._set_guarded(is_deployed=deployed)

    # === CREDENTIALS === #

    @confirm_identity
    def action_send_credentials(self):
        """Issue a new password or link, and send it; the old password stops working."""
        self.check_access("write")
        for instance in self:
            instance._check_credentials_recipient()
            if instance.state != "active":
                raise UserError(self.env._("Only an active instance can be given new credentials."))
            with instance._operation("credentials"):
                instance._renew_password()
            instance._log_credentials()
            instance._send_provisioning_email()
        return self._outcome_notification(self.env._("New credentials were issued"))

    def _check_credentials_recipient(self):
        """Credentials go to the client, at the address, that the instance was made for; an administrator moves them."""
        if self.credentials_email == self.partner_id.email or self._may_transfer():
            return
        raise AccessError(
            self.env._(
                "The instance was made for %(first)s, and its client's address is %(now)s today. "
                "Ask a SaaS administrator to send the credentials there.",
                first=self.credentials_email or "?",
                now=self.partner_id.email or "?",
            )
        )

    def _may_transfer(self):
        return self.env.su or self.env.user.has_group(ADMINISTRATORS)

    def _log_credentials(self):
        with self._own_transaction() as own:
            own._set_guarded(credentials_email=own.partner_id.email)
            own.message_post(body=own.env._("%s issued new credentials.", own.env.user.name))

    def _renew_password(self):
        password = admin_credentials.RESERVE.take()
        with self._own_transaction() as own:
            own._set_guarded(attempt=str(uuid.uuid4()))
            own.sudo()._set_guarded(pending_password=password.text)
        with self._database_session() as connection:
            admin_credentials.set_password(connection, password.hash())

    def _database_session(self):
        """One transaction inside the instance's database."""
        return self._tenant_postgres().session(self.database_name)

    # === HELPERS === #

    @contextmanager
    def _operation(self, code):
        """Journal the block as step ``code``, alone; a technical failure becomes a sentence."""
        try:
            with self._alone() as mine:
                if not mine:
                    raise Busy(self.name)
                with self._step(code):
                    yield
        except TECHNICAL as err:
            raise UserError(self.server_id._problem_text(err)) from err
