import time
from contextlib import contextmanager

from odoo import api, fields, models

from ..const import STEP_CODES


class SaasInstanceStep(models.Model):
    """The journal: one row for each thing done to an instance, written as it happens."""

    _name = "saas.instance.step"
    _inherit = ["lokario.choice.name.mixin", "lokario.access.mixin"]
    _description = "Journal of a SaaS Instance"
    _order = "id desc"
    _rec_name = "code"

    instance_id = fields.Many2one("saas.instance", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="instance_id.company_id", store=True)
    attempt = fields.Char(required=True, index=True, help="Steps of one operation share it.")
    code = fields.Selection(STEP_CODES, "Step", required=True)
    state = fields.Selection(
        [("running", "Running"), ("done", "Done"), ("failed", "Failed")], required=True, default="running"
    )
    date_start = fields.Datetime("Start", default=fields.Datetime.now, required=True)
    duration = fields.Float("Seconds", digits=(10, 3), aggregator="avg")
    message = fields.Char("Outcome")

    @contextmanager
    def _journal(self, instance, code):
        """Journal what the block does to ``instance``: a row before it, its outcome after, each at once."""
        with instance._own_transaction() as own:
            values = {"instance_id": own.id, "attempt": own.attempt or own.uuid, "code": code}
            step_id = own.env["saas.instance.step"].sudo().create(values).id
            own._notify_progress()
        started = time.monotonic()
        try:
            yield
        except Exception as err:
            with self._ending(instance, step_id, started) as step:
                step._set_failed(instance._problem_text(err))
            raise
        with self._ending(instance, step_id, started) as step:
            step._set_done()

    @contextmanager
    def _ending(self, instance, step_id, started):
        with instance._own_transaction() as own:
            step = own.env["saas.instance.step"].sudo().browse(step_id)
            step.duration = time.monotonic() - started
            yield step
            own._notify_progress()

    def _close_interrupted(self, instance):
        """Say in the journal what a killed run was doing."""
        with instance._own_transaction() as own:
            running_sudo = own.sudo().step_ids.filtered(lambda step: step.state == "running")
            running_sudo._set_failed(own.env._("Interrupted"))

    def _set_done(self):
        self.state = "done"

    def _set_failed(self, message):
        self.write({"state": "failed", "message": message})

    @api.autovacuum
    def _gc_old_steps(self):
        """Drop the journal of instances that were deleted a year ago."""
        old = self.search([("instance_id.state", "=", "terminated"), ("date_start", "<", "-365d")], limit=1000)
        old.unlink()
        return len(old), int(len(old) == 1000)
