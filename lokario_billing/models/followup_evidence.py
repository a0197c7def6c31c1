import base64
import hashlib
import io
import json
import zipfile

from odoo import api, fields, models


class FollowupEvidence(models.AbstractModel):
    """The file for a court: the invoice, every mail as it left, what the servers said, the timeline, the hashes."""

    _name = "lokario.followup.evidence"
    _description = "Evidence of a follow-up"

    @api.model
    def _zip(self, followup):
        files = self._files(followup)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["sha256.json"] = _json(hashes)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return stream.getvalue()

    @api.model
    def _files(self, followup):
        """Return {name in the ZIP: bytes}."""
        deliveries = self._deliveries(followup)
        files = {"timeline.json": _json(self._events(followup, deliveries))}
        for pdf in followup.move_id._issued_pdfs().values():
            files[f"documents/{pdf.name.replace('/', '-')}"] = pdf.raw  # a name must not lead out of the folder
        for delivery in deliveries.filtered("eml"):
            name = f"mails/{fields.Datetime.to_string(delivery.create_date).replace(':', '')}-{delivery.id}.eml"
            files[name] = base64.b64decode(delivery.with_context(bin_size=False).eml)
        return files

    @api.model
    def _deliveries(self, followup):
        reminders = followup.step_ids.reminder_id
        document = followup.move_id or followup.order_id
        domain = fields.Domain("res_model", "=", reminders._name) & fields.Domain("res_id", "in", reminders.ids)
        if document:
            domain |= fields.Domain("res_model", "=", document._name) & fields.Domain("res_id", "=", document.id)
        return self.env["lokario.delivery"].sudo().search(domain, order="id")

    @api.model
    def _events(self, followup, deliveries):
        events = [
            *map(_mail, deliveries),
            *map(_reminder, followup.step_ids),
            *map(_promise, followup.promise_ids),
            *map(_dispute, followup.dispute_ids),
        ]
        return sorted(events, key=lambda event: event["at"])


def _json(value):
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _mail(delivery):
    return {
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


def _reminder(step):
    return {
        "kind": "reminder",
        "at": str(step.sent_at),
        "level": step.level_id.name,
        "channel": step.channel,
        "state": step.state,
        "amount": step.claim_amount,
        "currency": step.claim_currency_id.name,
        "due": str(step.due_date),
        "by": step.user_id.name,
    }


def _promise(promise):
    return {
        "kind": "promise",
        "at": str(promise.create_date),
        "for": str(promise.promised_for),
        "by_customer": promise.by_customer,
        "withdrawn": promise.withdrawn,
    }


def _dispute(dispute):
    return {"kind": "dispute", "at": str(dispute.create_date), "reason": dispute.reason, "state": dispute.state}
