import hashlib
import json

from odoo import api, fields, models

from odoo.addons.lokario_base.tools.deletion import DeletionStep

from ..tools.erasure import added, chain


class AccountDeletionCheckpoint(models.Model):
    """What one step of a deletion has done so far: numbers and seals, never personal data."""

    _name = "lokario.account.deletion.checkpoint"
    _inherit = ["lokario.access.mixin"]
    _description = "Step of an Account Deletion"
    _order = "id"

    deletion_id = fields.Many2one("lokario.account.deletion", required=True, index=True, ondelete="cascade")
    step = fields.Char("Step Name", required=True)
    label = fields.Char("Step", compute="_compute_label")
    finished = fields.Boolean()
    erased = fields.Json(default=dict)
    kept = fields.Json(default=dict)
    erased_count = fields.Integer("Deleted Rows", compute="_compute_counts")
    kept_count = fields.Integer("Anonymised Rows", compute="_compute_counts")
    seal = fields.Char("SHA-256")

    _one_per_step = models.UniqueIndex("(deletion_id, step)")

    @api.depends("step")
    def _compute_label(self):
        plan_sudo = self.env["lokario.deletion.plan"].sudo()
        labels = {step.name: step.label for step in [*plan_sudo._steps(), *plan_sudo._release_steps()]}
        for point in self:
            point.label = labels.get(point.step, point.step)

    @api.depends("erased", "kept")
    def _compute_counts(self):
        for point in self:
            point.erased_count = sum((point.erased or {}).values())
            point.kept_count = sum((point.kept or {}).values())

    def _is_finished(self, step: DeletionStep) -> bool:
        return any(point.step == step.name and point.finished for point in self)

    @api.model
    def _record(self, step: DeletionStep, outcomes: dict):
        """Add what a call of the step did for each of these deletions to its checkpoint."""
        first = []
        for deletion, outcome in outcomes.items():
            points = deletion.checkpoint_ids
            point = points.filtered(lambda point: point.step == step.name)
            previous = point.seal or points.filtered("finished")[-1:].seal or ""
            values = {
                "finished": not outcome.remaining,
                "erased": added(point.erased, {model: len(ids) for model, ids in outcome.erased.items()}),
                "kept": added(point.kept, outcome.kept),
                "seal": chain(previous, step.name, outcome.erased),
            }
            if point:
                point.write(values)
            else:
                first.append({"deletion_id": deletion.id, "step": step.name, **values})
        self.create(first)

    @api.model
    def _certificate(self, deletion) -> dict:
        """Return what the certificate of ``deletion`` states; it contains no personal data."""
        return {
            "reference": deletion.name,
            "requested_at": fields.Datetime.to_string(deletion.requested_at),
            "completed_at": fields.Datetime.to_string(fields.Datetime.now()),
            "steps": [
                {"step": point.step, "erased": point.erased or {}, "anonymised": point.kept or {}, "sha256": point.seal}
                for point in deletion.checkpoint_ids
            ],
            "belongings": [
                {"model": line.model, "rows": line.row_count, "outcome": line.choice} for line in deletion.belonging_ids
            ],
            "search": {
                **(deletion.searched or {}),
                "found": [
                    {
                        "table": residue.table,
                        "column": residue.column,
                        "rows": residue.row_count,
                        "outcome": residue.outcome,
                        "reason": residue.reason or "",
                    }
                    for residue in deletion.residue_ids
                ],
            },
            "holds": (deletion.certificate or {}).get("holds", []),
            "keeps_correspondence": deletion.company_id.deletion_keeps_correspondence,
        }

    @api.model
    def _hash(self, certificate: dict) -> str:
        """Return the SHA-256 of a certificate's canonical JSON."""
        return hashlib.sha256(json.dumps(certificate, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
