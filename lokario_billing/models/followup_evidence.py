import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from collections import Counter

from odoo import api, fields, models
from odoo.tools.pdf import merge_pdf

from odoo.addons.lokario_base.tools.caller import without_callers_defaults
from odoo.addons.lokario_base.tools.spreadsheet import as_text

from .followup_step import ARRIVED


class FollowupEvidence(models.AbstractModel):
    """The file for a court: the invoice, every mail as it left, what the servers said, the timeline, the hashes."""

    _name = "lokario.followup.evidence"
    _description = "Evidence of a follow-up"

    @api.model
    def _download(self, followups, name):
        """Return the action that downloads the file of these follow-ups; of several it is who made it that reads it."""
        values = {
            "name": f"{_file_name(name)}-evidence.zip",
            "raw": self._zip(followups),
            "mimetype": "application/zip",
            "res_model": followups._name,
            "res_id": followups.id if len(followups) == 1 else False,
        }
        attachment = without_callers_defaults(self.env["ir.attachment"].sudo()).create(values)
        return {"type": "ir.actions.act_url", "url": f"/web/content/{attachment.id}?download=true", "target": "self"}

    @api.model
    def _zip(self, followups):
        files = self._files(followups) if len(followups) == 1 else self._bundle(followups)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["sha256.json"] = _json(hashes)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return stream.getvalue()

    @api.model
    def _bundle(self, followups):
        """Return the files of several documents, a folder each, with a list of the claims and all PDFs in one."""
        files = {"claims.csv": self._claims(followups)}
        labels = Counter(followup._document_label() for followup in followups)
        for followup in followups:
            label = followup._document_label()
            folder = _file_name(label if labels[label] == 1 else f"{label} {followup.id}")
            files |= {f"{folder}/{name}": content for name, content in self._files(followup).items()}
        pdfs = [content for name, content in files.items() if name.endswith(".pdf") and content[:4] == b"%PDF"]
        return files | ({"documents.pdf": merge_pdf(pdfs)} if pdfs else {})

    @api.model
    def _claims(self, followups):
        """Return the list of the claims as CSV, for spreadsheets (UTF-8 with its mark)."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["document", "date", "due", "customer", "vat", "address", "total", "open", "currency", "level"])
        for followup in followups:
            move, customer = followup.move_id, followup.customer_id
            last = followup.step_ids.filtered(lambda step: step.state in ARRIVED).sorted("sent_at")[-1:]
            values = [
                move.name,
                move.invoice_date,
                followup.due_date,
                customer.display_name,
                customer.vat or "",
                customer._reminder_address("letter"),
            ]
            values += [move.amount_total, move.amount_residual, move.currency_id.name, last.level_id.name or ""]
            writer.writerow([as_text(value or "") for value in values])
        return stream.getvalue().encode("utf-8-sig")

    @api.model
    def _files(self, followup):
        """Return {name in the ZIP: bytes}."""
        deliveries = self._deliveries(followup)
        files = {"timeline.json": _json(self._events(followup, deliveries))}
        for pdf in followup.move_id._issued_pdfs().values():
            files[f"documents/{_file_name(pdf.name)}"] = pdf.raw
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
            *map(_opened, followup.move_id.filtered("followup_seen_at")),
        ]
        return sorted(events, key=lambda event: event["at"])


def _file_name(name):
    """A name that leads out of no folder, on whatever system the file is unpacked."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", name).strip(". ") or "-"


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


def _opened(move):
    return {"kind": "opened", "at": str(move.followup_seen_at), "document": move.name}
