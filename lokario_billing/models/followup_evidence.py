import base64
import hashlib
import io
import json
import zipfile

from odoo import fields, models


class Followup(models.Model):
    """The file for the judge: the invoice, every mail as it left, what the servers said, the timeline, the hashes."""

    _inherit = "lokario.followup"

    def action_evidence(self):
        """Make the ZIP and download it."""
        self.ensure_one()
        self.check_access("read")
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": f"{self._document_label().replace('/', '-')}-evidence.zip",
                    "raw": self.sudo()._evidence_zip(),
                    "mimetype": "application/zip",
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )
        )
        return {"type": "ir.actions.act_url", "url": f"/web/content/{attachment.id}?download=true", "target": "self"}

    def _evidence_zip(self):
        files = self._evidence_files()
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["sha256.json"] = json.dumps(hashes, indent=2, ensure_ascii=False).encode()
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return stream.getvalue()

    def _evidence_files(self):
        """Return {name in the ZIP: bytes}."""
        files = {"timeline.json": json.dumps(self._evidence_timeline(), indent=2, ensure_ascii=False).encode()}
        for pdf in self.move_id._issued_pdfs().values():
            files[f"documents/{pdf.name}"] = pdf.raw
        for delivery in self._evidence_deliveries():
            if delivery.eml:
                name = f"mails/{fields.Datetime.to_string(delivery.create_date).replace(':', '')}-{delivery.id}.eml"
                files[name] = base64.b64decode(delivery.with_context(bin_size=False).eml)
        return files

    def _evidence_deliveries(self):
        reminders = self.step_ids.reminder_id
        document = self.move_id or self.order_id
        domain = fields.Domain("res_model", "=", reminders._name) & fields.Domain("res_id", "in", reminders.ids)
        if document:
            domain |= fields.Domain("res_model", "=", document._name) & fields.Domain("res_id", "=", document.id)
        return self.env["lokario.delivery"].sudo().search(domain, order="id")

    def _evidence_timeline(self):
        events = [
            *(delivery._as_evidence() for delivery in self._evidence_deliveries()),
            *(record._as_evidence() for record in (*self.step_ids, *self.promise_ids, *self.dispute_ids)),
        ]
        return sorted(events, key=lambda event: event["at"])


class FollowupStep(models.Model):
    _inherit = "lokario.followup.step"

    def _as_evidence(self):
        return {
            "kind": "reminder",
            "at": str(self.sent_at),
            "level": self.level_id.name,
            "channel": self.channel,
            "state": self.state,
            "amount": self.claim_amount,
            "currency": self.claim_currency_id.name,
            "due": str(self.due_date),
            "by": self.user_id.name,
        }


class FollowupPromise(models.Model):
    _inherit = "lokario.followup.promise"

    def _as_evidence(self):
        return {
            "kind": "promise",
            "at": str(self.create_date),
            "for": str(self.promised_for),
            "by_customer": self.by_customer,
            "withdrawn": self.withdrawn,
        }


class FollowupDispute(models.Model):
    _inherit = "lokario.followup.dispute"

    def _as_evidence(self):
        return {"kind": "dispute", "at": str(self.create_date), "reason": self.reason, "state": self.state}
