from odoo import api, models


class ChoiceNameMixin(models.AbstractModel):
    """A record that is named by a choice (`_rec_name`) shows its words in the reader's language, not its key."""

    _name = "lokario.choice.name.mixin"
    _description = "Model Named by a Choice"

    @api.depends_context("lang")
    def _compute_display_name(self):
        words = dict(self._fields[self._rec_name]._description_selection(self.env))
        for record in self:
            record.display_name = words.get(record[self._rec_name], "")
