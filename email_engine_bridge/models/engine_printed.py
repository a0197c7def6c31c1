from odoo import api, models


class EnginePrinted(models.AbstractModel):
    """Records that stand in the configuration of MTAs: what changes them has it printed again."""

    _name = "engine.printed"
    _description = "Printed into the configuration"

    _printed_fields = frozenset()  # the fields that change the text, or the quotas in it

    def _get_printing_servers(self):
        """Return the servers in whose configuration these records stand."""
        return self.tenant_id.sudo().server_id

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._get_printing_servers()._request_generation()
        return records

    def write(self, vals):
        if not vals.keys() & self._printed_fields:
            return super().write(vals)
        servers = self._get_printing_servers()
        result = super().write(vals)
        (servers | self._get_printing_servers())._request_generation()
        return result

    def unlink(self):
        servers = self._get_printing_servers()
        result = super().unlink()
        servers.exists()._request_generation()
        return result
