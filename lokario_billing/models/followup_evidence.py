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
                    "raw": self._evidence_zip(),
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
        if self.move_id:
            pdf = (
                self.env["ir.attachment"]
                .sudo()
                .search(
                    [
                        ("res_model", "=", "account.move"),
                        ("res_id", "=", self.move_id.id),
                        ("res_field", "=", "invoice_pdf_report_file"),
                    ],
                    limit=1,
                )
            )
            if pdf:
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
        deliveries = [
            {
                "kind": "mail",
                "at": str(delivery.sent_at or delivery.create_date),
                "subject": delivery.subject,
                "message_id": delivery.message_id,
                "from": delivery.sender,
                "to": delivery.recipients,
                "state": delivery.state,
                "server_answer": delivery.server_answer,
                "cause": delivery.cause or "",
            }
            for delivery in self._evidence_deliveries()
        ]
        steps = [
            {
                "kind": "reminder",
                "at": str(step.sent_at),
                "level": step.level_id.name,
                "channel": step.channel,
                "state": step.state,
                "amount": step.amount,
                "currency": step.currency_id.name,
                "due": str(step.due_date),
                "by": step.user_id.name,
            }
            for step in self.step_ids
        ]
        promises = [
            {
                "kind": "promise",
                "at": str(promise.create_date),
                "for": str(promise.promised_for),
                "by_customer": promise.by_customer,
                "withdrawn": promise.withdrawn,
            }
            for promise in self.promise_ids
        ]
        disputes = [
            {"kind": "dispute", "at": str(dispute.create_date), "reason": dispute.reason, "state": dispute.state}
            for dispute in self.dispute_ids
        ]
        return sorted(deliveries + steps + promises + disputes, key=lambda event: event["at"])
