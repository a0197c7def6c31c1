from functools import lru_cache, partial

from odoo import Command, api, models
from odoo.exceptions import AccessError, ValidationError
from odoo.modules import Manifest

from ..tools.caller import without_callers_defaults
from ..tools.view_arch import show_only

REFERENCES = {"many2one", "many2many", "many2one_reference", "reference"}


@lru_cache
def _author(module):
    """The author of a module; None for fields that no module defines (`id`, those that an administrator adds)."""
    manifest = module and Manifest.for_addon(module, display_warning=False)
    return manifest and manifest.get("author")


class AccessMixin(models.AbstractModel):
    """What a caller sets is checked, whatever way it comes: form, wizard, import, defaults in the context, API.

    * He may read each record he refers to, and its company (and whatever else ``_scope_fields`` names) fits.
    * After a write the record rules hold for the result: nothing is moved to where he may not write.
    * What all companies use (their company is left empty) is changed by administrators and by who works in all of them.
    * What the program writes (stored ``readonly`` fields, derived ones included) is refused when a record is made. In
      a later write too: scope fields and computed ones always, the rest where ``_machine_writes_as_sudo`` says that
      the model's own code writes it through ``sudo()``.

    The superuser environment is exempt: code uses ``sudo()`` once it has checked who asks, and what it makes then takes
    no default values for our fields out of the caller's context. Only fields that the suite defines are looked at, so
    that core models may inherit it too.
    """

    _name = "lokario.access.mixin"
    _description = "Model whose references are checked"

    _callers_fields = frozenset()  # read-only on the screen, and yet a caller's to set
    _machine_writes_as_sudo = False

    # === WHAT IS CHECKED === #

    @api.model
    def _scope_fields(self):
        """Hook: return the fields in which a record and what it refers to agree."""
        return ["company_id"]

    @api.model
    def _is_checked(self, field):
        return _author(field._module) == _author("lokario_base")

    @api.model
    def _reference_names(self):
        fields = self._fields.values()
        return [field.name for field in fields if field.type in REFERENCES and self._is_checked(field)]

    @api.model
    def _is_machine_field(self, field):
        fixed = field.store and field.readonly and not self._transient
        return fixed and field.name not in self._callers_fields and self._is_checked(field)

    def _has_field_access(self, field, operation):
        allowed = super()._has_field_access(field, operation)
        if not allowed or operation != "write" or self.env.su or not self._is_machine_field(field):
            return allowed
        is_refused = field.compute or field.name in self._scope_fields() or self._machine_writes_as_sudo
        return bool(self) and not is_refused

    def _readable_by_caller(self):
        """Return the records that the person behind this call may read, in whichever of his companies.

        Names of records that others refer to are computed as sudo: this says whose names he may see.
        """
        user = self.env.user
        stored = self.filtered("id")
        caller = stored.with_user(user).with_context(allowed_company_ids=user.company_ids.ids)
        readable = stored if user._is_superuser() else stored.browse(caller._filtered_access("read").ids)
        return (self - stored) | readable

    def _hide_unreadable_names(self):
        """For `_compute_display_name` of what is confidential: its name is hidden where a reference would show it."""
        for record in self - self._readable_by_caller():
            record.display_name = self.env._("(no access)")

    # === WHAT ALL COMPANIES USE === #

    def _check_access(self, operation):
        refused = super()._check_access(operation)
        shared = self.browse() if refused or operation == "read" else self._shared_by_companies()
        if not shared or self.env.user._works_for_all_companies():
            return refused
        why = self.env._(
            "All companies use this record: an administrator changes it, or a user who works in all of them. "
            "Make one for your own company."
        )
        return shared, partial(AccessError, why)

    def _shared_by_companies(self):
        """Hook: return those of the records that every company uses: the field for their company was left empty."""
        if not self._company_may_be_empty():
            return self.browse()
        return self.filtered(lambda record: record.id and not record.sudo().company_id)

    @api.model
    def _shared_expression(self) -> str:
        """Hook: the same of one record, as views say it."""
        return "id and not company_id" if self._company_may_be_empty() else ""

    @api.model
    def _company_may_be_empty(self) -> bool:
        company = self._fields.get("company_id")
        return bool(company and company.store and not company.required and self._is_checked(company))

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        key = super()._get_view_cache_key(view_id, view_type, **options)
        return (*key, self.env.user._works_for_all_companies()) if self._shared_expression() else key

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        """What the caller may not change because all companies use it is not offered for a change."""
        arch, view = super()._get_view(view_id, view_type, **options)
        shared = self._shared_expression()
        if shared and view_type in ("form", "list") and not self.env.user._works_for_all_companies():
            show_only(arch, shared)
        return arch, view

    # === THE WAYS IN === #

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.su:
            return super(AccessMixin, self._without_callers_defaults()).create(vals_list).with_env(self.env)
        names = set().union(self._context_defaults(), self._computed_defaults(), *vals_list)
        records = super(AccessMixin, self._without_machine_defaults()).create(vals_list).with_env(self.env)
        names = [name for name in self._reference_names() if name in names]
        records._check_references(names, {record: set() for record in records})
        return records

    def write(self, vals):
        names = self._concerned_names(vals) if self and not self.env.su else []
        before = {record: record._targets(names) for record in self} if names else {}
        result = super().write(vals)
        if names:
            self.check_access("write")
            self._check_references(names, before)
        return result

    def onchange(self, values, field_names, fields_spec):
        """The answer names the records that the values refer to: only those that the caller may read."""
        if not self.env.su:
            known = self._targets(self._reference_names()) if self else set()
            self._check_readable(self._given_targets({**self._context_defaults(), **values}) - known)
        return super().onchange(values, field_names, fields_spec)

    def _context_defaults(self):
        """Return the default values that the caller put into the context."""
        given = {key[8:]: value for key, value in self.env.context.items() if key.startswith("default_")}
        return {name: value for name, value in given.items() if name in self._fields}

    def _computed_defaults(self):
        """The references that a default fills in, which may have asked the caller's context (`active_id`)."""
        return {name for name in self._reference_names() if self._fields[name].default or self._transient}

    def _without_machine_defaults(self):
        """A default that an action left in the context for another model neither sets nor refuses what is ours."""
        return self._without_defaults(self._is_machine_field)

    def _without_callers_defaults(self):
        """A model of Odoo's keeps those of its own fields: the journal of a bill that came by mail stands there."""
        if _author(self._original_module) == _author("lokario_base"):
            return without_callers_defaults(self)
        return self if self.env.user._is_superuser() else self._without_defaults(self._is_checked)

    def _without_defaults(self, is_dropped):
        """Return the model with a context that has no default of the fields that ``is_dropped`` says so of."""
        dropped = {f"default_{name}" for name in self._context_defaults() if is_dropped(self._fields[name])}
        if not dropped:
            return self
        kept = {key: value for key, value in self.env.context.items() if key not in dropped}
        return self.with_context(kept)  # pylint: disable=context-overridden  # keys are taken out

    def _concerned_names(self, vals):
        """Return the references that a write concerns: all of them when the record moves to another scope."""
        moves = not vals.keys().isdisjoint(self._scope_fields())
        fields = [self._fields[name] for name in self._reference_names()]
        return [
            field.name
            for field in fields
            if moves or field.name in vals or (field.type == "many2one_reference" and field.model_field in vals)
        ]

    # === CHECKS === #

    def _targets(self, names):
        """Return what the records refer to, as a set of (field name, model, id)."""
        targets = set()
        for record_sudo in self.sudo().with_context(active_test=False):
            for name in names:
                field, value = self._fields[name], record_sudo[name]
                if field.type == "many2one_reference":
                    value = self._browse(record_sudo[field.model_field], value)
                targets |= {(name, value._name, id_) for id_ in value.ids} if value else set()
        return targets

    def _given_targets(self, values):
        """Return the same of values in the form of the web client, those of lines included."""
        targets = set()
        for name, value in values.items():
            field = self._fields.get(name)
            if not field or not value or not self._is_checked(field):
                continue
            if field.type in REFERENCES:
                found = self._given_records(field, value, values)
                targets |= {(name, found._name, id_) for id_ in found.ids}
            elif field.type == "one2many" and hasattr(lines := self.env[field.comodel_name], "_given_targets"):
                for command in filter(lambda command: command[0] in (Command.CREATE, Command.UPDATE), value):
                    targets |= lines._given_targets(command[2] or {})
        return targets

    def _given_records(self, field, value, values):
        if field.type == "reference":
            model, _comma, id_ = str(value).partition(",")
            return self._browse(model, id_)
        if field.type == "many2one_reference":
            return self._browse(values.get(field.model_field), value)
        if field.type == "many2one":
            return self._browse(field.comodel_name, value.get("id") if isinstance(value, dict) else value)
        ids = set()
        for command in value:
            if isinstance(command, int):
                ids.add(command)
            elif command[0] in (Command.LINK, Command.UPDATE):
                ids.add(command[1])
            elif command[0] == Command.SET:
                ids.update(command[2])
        return self.env[field.comodel_name].browse(filter(lambda id_: isinstance(id_, int), ids))

    def _browse(self, model, id_):
        known = model in self.env and str(id_ or "").isdecimal()
        return self.env[model].browse(int(id_)) if known else self.browse()

    def _check_readable(self, targets):
        for model in {model for _name, model, _id in targets}:
            self.env[model].browse({id_ for _name, of, id_ in targets if of == model}).check_access("read")

    def _check_references(self, names, before):
        """Refuse new targets that the caller may not read, and whatever belongs elsewhere than its record."""
        for record in self:
            targets = record._targets(names)
            self._check_readable(targets - before[record])
            for scope in filter(self._fields.get, self._scope_fields()):
                record._check_scope(scope, targets)

    def _check_scope(self, scope, targets):
        own = self.sudo()[scope]
        for name, model, id_ in targets if own else ():
            if name != scope and not self._fits(scope, own, self.env[model].sudo().browse(id_)):
                raise ValidationError(
                    self.env._(
                        "%(field)s: choose a record of the same %(scope)s as “%(record)s”.",
                        field=self._fields[name]._description_string(self.env),
                        scope=self._fields[scope]._description_string(self.env),
                        record=self.display_name,
                    )
                )

    @api.model
    def _fits(self, scope, own, target):
        """Whether `target` may be referred to by a record whose scope is `own`."""
        if target._name == own._name or scope not in target._fields:
            return True
        if target._name == "res.users":
            return own in target.company_ids.parent_ids  # who works in a branch works for its company
        theirs = target[scope]
        return not theirs or theirs in (own.parent_ids if scope == "company_id" else own)
