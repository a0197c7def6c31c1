from odoo import fields as odoo_fields
from odoo import models
from odoo.orm.model_classes import add_to_registry
from odoo.tests import TransactionCase

from ..fields import Secret


class SecretCase(TransactionCase):
    """A model with a secret that exists for the length of a test class."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()

        class Safe(models.Model):
            _name = "lokario.test.safe"
            _inherit = "lokario.secret.mixin"
            _description = "Model of a Test"
            _module = "lokario_base"

            name = odoo_fields.Char()
            password = Secret("Password")
            token = Secret("Token")

        cls.make_model(Safe)
        cls.Safe = cls.env["lokario.test.safe"]

    @classmethod
    def make_model(cls, definition):
        name = definition._name
        add_to_registry(cls.registry, definition)
        cls.registry._setup_models__(cls.env.cr, [name])
        cls.registry.init_models(cls.env.cr, [name], {"module": "lokario_base"})
        cls.addClassCleanup(cls.registry.__delitem__, name)
