import time
from contextlib import contextmanager
from types import SimpleNamespace

from odoo import fields as odoo_fields
from odoo import models
from odoo.http import _request_stack
from odoo.orm.model_classes import add_to_registry
from odoo.tests import TransactionCase

from ..fields import Secret


class Session(dict):
    uid, debug, sid, geoip = None, "", "", None


@contextmanager
def identity_confirmed():
    """A request whose session has just confirmed the identity, as buttons with `check_identity` want it."""
    environ = {"REMOTE_ADDR": "127.0.0.1"}
    httprequest = SimpleNamespace(
        environ=environ, remote_addr="127.0.0.1", headers={}, cookies={}, url_root="http://x/"
    )
    session = Session({"identity-check-last": time.time()})
    request = SimpleNamespace(
        session=session,
        httprequest=httprequest,
        db=None,
        cookies={},
        env=SimpleNamespace(lang="en_US"),
        is_frontend=False,
        is_frontend_multilang=False,
    )
    _request_stack.push(request)
    try:
        yield request
    finally:
        _request_stack.pop()


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
            host = odoo_fields.Char()
            port = odoo_fields.Integer()
            api_key = Secret("API key", destination=("host", "port"))

        cls.make_model(Safe)
        cls.Safe = cls.env["lokario.test.safe"]

    @classmethod
    def make_model(cls, definition):
        name = definition._name
        add_to_registry(cls.registry, definition)
        cls.registry._setup_models__(cls.env.cr, [name])
        cls.registry.init_models(cls.env.cr, [name], {"module": "lokario_base"})
        cls.addClassCleanup(cls.registry.__delitem__, name)
