import uuid

from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.email_engine_bridge.exceptions import EngineError
from odoo.addons.email_engine_bridge.tools import verp
from odoo.addons.email_engine_bridge.tools.campaign_sender import Addressee
from odoo.addons.email_engine_bridge.tools.contact_rows import inspect_address, normalise_address
from odoo.addons.email_engine_bridge.tools.template_renderer import SAMPLE

FIRST = 2**40  # ids of a trial's people, above those of all recipients: their tokens name nobody


class EngineCampaignTrial(models.AbstractModel):
    """Trying a campaign's message out, through PowerMTA, before many people get it."""

    _name = "engine.campaign.trial"
    _description = "Trial of a campaign"

    @api.model
    def _send(self, campaign, addresses, sample):
        """Queue the message to a few addresses; what it uses of the quota is reserved here."""
        addresses = [normalise_address(address) for address in addresses]
        wrong = [address for address in addresses if inspect_address(address) == "invalid"]
        if wrong:
            raise UserError(self.env._("This is no address: %(addresses)s", addresses=", ".join(wrong)))
        if campaign.template_id.error:
            raise UserError(campaign.template_id.error)
        campaign.tenant_id._get_addresses()
        quota = self.env["engine.quota"]
        purpose = f"campaign/{campaign.id}/trial"
        grants = quota._reserve(campaign.tenant_id, len(addresses), purpose=purpose, has_journal=True)
        self.env["engine.transport"]._check_granted(campaign.tenant_id, grants)
        quota._release_on_rollback(grants)
        ip = self.env["engine.ip"].browse(grants[0]["ip_id"])
        tokens = [grant["reservation"] for grant in grants]
        campaign_sudo = campaign.sudo()._in_company_language()
        job = self.sudo().with_env(campaign_sudo.env).with_delay(channel="root.email_engine")
        job._job_send(campaign_sudo, addresses, sample, ip.sudo(), tokens)
        return {"queued": addresses, "ip_used": ip.address}

    @api.model
    def _job_send(self, campaign, addresses, sample, ip, tokens):
        """Hand the trial over; what happened is written on the campaign."""
        try:
            with campaign.tenant_id._get_feeder__() as feeder:
                deliveries = self._get_sender(campaign, ip, feeder).send(self._get_addressees(addresses, sample))
        except (EngineError, UserError) as error:
            campaign.message_post(body=self.env._("Trial not sent: %(why)s", why=error))
        else:
            results = ", ".join(f"{addresses[one.id - FIRST]}: {one.outcome} ({one.answer})" for one in deliveries)
            campaign.message_post(body=self.env._("Trial sent: %(results)s", results=results))
        for reservation in self.env["engine.lease"].search([("token", "in", tokens)]):
            self.env["engine.quota"]._settle(reservation.token, reservation.quantity)

    def _get_addressees(self, addresses, sample):
        values = {**SAMPLE, **sample}
        names = [str(values.get(name) or "") for name in ("first_name", "last_name")]
        return [Addressee(FIRST + index, address, *names, values, 0) for index, address in enumerate(addresses)]

    def _get_sender(self, campaign, ip, feeder):
        template = campaign.template_id
        content = template._prepare([template.subject], track_opens=False, track_clicks=False)
        job = verp.trial_name(campaign.tenant_id.id, campaign.id, uuid.uuid4().hex[:8])
        return campaign._get_sender(feeder, ip, job=job, kind="trial", content=content)
