import uuid

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import ApiProblem, EngineError
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.campaign_content import prepare
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address
from odoo.addons.email_engine_bridge.tools.template_renderer import SAMPLE

from .engine_campaign_sending import NO_QUOTA


class EngineCampaign(models.Model):
    """Trying a message out before many people get it."""

    _inherit = "engine.campaign"

    def _send_trial(self, addresses, sample):
        """Queue the message to a few addresses; what it uses of the quota is reserved here."""
        self.ensure_one()
        addresses = [normalise_address(address) for address in addresses]
        wrong = [address for address in addresses if inspect_address(address) == "invalid"]
        if wrong:
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=", ".join(wrong)))
        if self.template_id.error:
            raise UserError(self.template_id.error)
        self.tenant_id._get_addresses()
        grants = self.env["engine.quota"]._reserve(self.tenant_id, len(addresses), purpose=f"campaign/{self.id}/trial")
        if not grants:
            raise ApiProblem(409, NO_QUOTA, extra={"success": False, "error": NO_QUOTA})
        self.env["engine.quota"]._release_on_rollback(grants)
        ip = self.env["engine.ip"].browse(grants[0]["ip_id"])
        leases = [grant["lease"] for grant in grants]
        self.sudo().with_delay(channel="root.email_engine")._job_send_trial(addresses, sample, ip.id, leases)
        return {"queued": addresses, "ip_used": ip.address}

    def _job_send_trial(self, addresses, sample, ip_id, leases):
        """Hand the trial over; what happened is written on the campaign."""
        ip = self.env["engine.ip"].browse(ip_id)
        try:
            with self.tenant_id._get_feeder__() as feeder:
                deliveries = self._get_trial_sender(ip, feeder).send(self._get_trial_addressees(addresses, sample))
        except (EngineError, UserError) as error:
            self.message_post(body=self.env._("Trial not sent: %(why)s", why=error))
        else:
            results = ", ".join(f"{addresses[one.id]}: {one.outcome} ({one.answer})" for one in deliveries)
            self.message_post(body=self.env._("Trial sent: %(results)s", results=results))
        for lease in leases:
            quantity = self.env["engine.lease"].search([("token", "=", lease)]).quantity
            self.env["engine.quota"]._settle(lease, quantity)

    def _get_trial_addressees(self, addresses, sample):
        values = {**SAMPLE, **sample}
        names = [str(values.get(name) or "") for name in ("first_name", "last_name")]
        return [Addressee(index, address, *names, values, 0) for index, address in enumerate(addresses)]

    def _get_trial_sender(self, ip, feeder):
        template = self.template_id
        content = prepare([template.subject], template.html, template.text, track_opens=False, track_clicks=False)
        job = verp.trial_name(self.tenant_id.id, self.id, uuid.uuid4().hex[:8])
        return self._get_sender(feeder, ip, job=job, kind="trial", content=content)
