from odoo import api, models
from odoo.exceptions import ValidationError

MOST = 5000  # archived ones included: a program that makes one for each of its calls is stopped


class EngineLimitedMixin(models.AbstractModel):
    """What a tenant has some of, each with a name: templates, lists, segments, tags."""

    _name = "engine.limited.mixin"
    _description = "Limited number for each tenant"

    @api.constrains("tenant_id")
    def _check_number(self):
        everything = self.with_context(active_test=False)
        for tenant in self.tenant_id:
            if everything.search_count([("tenant_id", "=", tenant.id)], limit=MOST + 1) > MOST:
                raise ValidationError(
                    self.env._(
                        "%(tenant)s has %(most)s of these already: use or delete some of them.",
                        tenant=tenant.name,
                        most=MOST,
                    )
                )
