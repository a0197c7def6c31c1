import io
import json
from zipfile import ZIP_DEFLATED, ZipFile

from odoo import api, models
from odoo.fields import Domain

PEOPLE = {"res.partner", "res.users"}
AUTHORSHIP = {"create_uid", "write_uid"}  # who touched a record, not whom it is about
LEFT_OUT = {"binary", "image", "one2many", "properties", "properties_definition"}
MOST_ROWS = 10_000  # of one model
MOST_BYTES = 200 * 1024 * 1024  # of files


class AccountExport(models.AbstractModel):
    """A person's own data as files of a common format (GDPR, article 20)."""

    _name = "lokario.account.export"
    _description = "Export of a Person's Data"

    @api.model
    def _zip(self, user) -> bytes:
        """Return a ZIP with a JSON file for each model: the records about the person, as far as he may read them; and
        the files that he uploaded.

        They are read in the person's own name: rights and rules decide, model by model and field by field.
        """
        own = self.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        with io.BytesIO() as buffer:
            with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
                for name in sorted(self.env.registry):
                    if rows := self._rows(own.env[name], user):
                        text = json.dumps(rows, indent=1, ensure_ascii=False, default=str)
                        archive.writestr(f"{name}.json", text)
                for file in self._files(own.env["ir.attachment"], user):
                    archive.writestr(f"files/{file.id}-{file.name.replace('/', '_')}", file.raw or b"")
            return buffer.getvalue()

    @api.model
    def _files(self, attachments, user):
        """Return the files that the person has uploaded, the latest first, up to a size.

        Who works here gets those that he may still read; a customer, whom no rule lets read files, his own.
        """
        size, attachments = 0, attachments if attachments.has_access("read") else attachments.sudo()
        for file in attachments.search([("create_uid", "=", user.id), ("type", "=", "binary")], order="id desc"):
            size += file.file_size
            if size > MOST_BYTES:
                return
            yield file

    @api.model
    def _rows(self, model, user) -> list[dict]:
        if model._abstract or model._transient or not model._auto or not model.has_access("read"):
            return []
        readable = model.fields_get(attributes=["type"])
        about = self._about(model, user, readable)
        if not about:
            return []
        names = [
            name for name, field in readable.items() if field["type"] not in LEFT_OUT and self._is_readable(model, name)
        ]
        return model.with_context(active_test=False).search(about, limit=MOST_ROWS).read(names)

    @api.model
    def _is_readable(self, model, name) -> bool:
        """Whether a field is stored and what it refers to may be read, too."""
        field = model._fields[name]
        return field.store and (not field.comodel_name or model.env[field.comodel_name].has_access("read"))

    @api.model
    def _about(self, model, user, readable):
        """Return the domain of the records that refer to the person, None when the model has no such field."""
        ids = {"res.partner": user.partner_id.ids, "res.users": user.ids}
        if model._name in PEOPLE:
            return Domain("id", "in", ids[model._name])
        fields = [
            field
            for name, field in model._fields.items()
            if field.comodel_name in PEOPLE and field.store and name in readable and name not in AUTHORSHIP
        ]
        return Domain.OR(Domain(field.name, "in", ids[field.comodel_name]) for field in fields) if fields else None
