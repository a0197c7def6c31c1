from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.http import request
from odoo.tools import config

from ..controllers.scheduled import cron_secret, is_secret_usable
from ..fields import get_vault
from ..tools.client_address import is_named, not_networks, peer_address
from ..tools.vault import BadKeys
from .rate_limit import PROXIES, THIS_MACHINE


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    lokario_keys_ok = fields.Boolean("Encryption Key", compute="_compute_lokario_status")
    lokario_cron_secret_ok = fields.Boolean("Scheduler Secret", compute="_compute_lokario_status")
    lokario_system_mail = fields.Char("System Mail Leaves By", compute="_compute_lokario_status")
    lokario_global_server_id = fields.Many2one(
        "ir.mail_server",
        "Global Server",
        compute="_compute_lokario_global_server_id",
        inverse="_inverse_lokario_global_server_id",
    )
    lokario_proxies = fields.Char("Reverse Proxies", config_parameter=PROXIES, default=THIS_MACHINE)
    lokario_proxy_note = fields.Char(compute="_compute_lokario_proxy_note")
    lokario_job_count = fields.Integer(compute="_compute_lokario_status")
    lokario_late_job_count = fields.Integer(compute="_compute_lokario_status")

    def _compute_lokario_status(self):
        jobs = self.env["ir.cron"].sudo().search([("endpoint_path", "!=", False)])
        for settings in self:
            settings.lokario_keys_ok = self._has_usable_key()
            settings.lokario_cron_secret_ok = is_secret_usable(cron_secret())
            settings.lokario_system_mail = self._describe_system_mail()
            settings.lokario_job_count = len(jobs)
            settings.lokario_late_job_count = len(jobs.filtered("is_late"))

    @api.depends("lokario_proxies")
    def _compute_lokario_proxy_note(self):
        for settings in self:
            settings.lokario_proxy_note = settings._proxy_note()

    def _proxy_note(self) -> str:
        """Return whom the limits take for one, where that is not each visitor."""
        if not config["proxy_mode"]:
            return self.env._(
                "proxy_mode is off: behind a reverse proxy all visitors count as one. Set proxy_mode = True "
                "in odoo.conf."
            )
        peer = peer_address(request.httprequest.environ) if request else ""
        if peer and not is_named(peer, self.lokario_proxies or ""):
            return self.env._("You came from %s, which is not named: all visitors behind it count as one.", peer)
        return ""

    @api.constrains("lokario_proxies")
    def _check_lokario_proxies(self):
        if wrong := not_networks(self.lokario_proxies or ""):
            raise ValidationError(
                self.env._("This is no address and no network: %s. Write 10.0.0.5 or 10.0.0.0/8.", ", ".join(wrong))
            )

    @api.model
    def _has_usable_key(self) -> bool:
        try:
            return get_vault().newest is not None
        except BadKeys:
            return False

    @api.model
    def _describe_system_mail(self) -> str:
        servers = self.env["ir.mail_server"].sudo()
        if server := servers._global_server():
            return self.env._("%(server)s, as %(address)s", server=server.name, address=servers._global_address())
        if environment := servers._environment_server():
            return self.env._(
                "%(host)s:%(port)s of the environment, as %(address)s",
                host=environment["host"],
                port=environment["port"],
                address=servers._global_address(),
            )
        return self.env._("Odoo's own choice of outgoing server: none is marked global, SMTP_HOST is not set")

    def _compute_lokario_global_server_id(self):
        self.lokario_global_server_id = self.env["ir.mail_server"]._global_server()

    def _inverse_lokario_global_server_id(self):
        servers = self.env["ir.mail_server"].sudo()
        for settings in self:
            chosen = settings.lokario_global_server_id.sudo()
            (servers._global_server() - chosen).is_global = False
            servers.flush_model(["is_global"])
            chosen.is_global = True
