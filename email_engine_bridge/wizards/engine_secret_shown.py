from odoo import models


class EngineSecretShown(models.TransientModel):
    _name = "engine.secret.shown"
    _inherit = ["lokario.secret.shown.mixin"]
    _description = "Token shown once"
