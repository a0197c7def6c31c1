from odoo.addons.lokario_gate import redaction

from . import controllers
from . import models
from .hooks import uninstall_hook

redaction.install()  # also where the gate is not among the server-wide modules
