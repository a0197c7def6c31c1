from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.email_engine_bridge.exceptions import ApiProblem

NO_QUOTA = "No IPs with sufficient quota"
FORECAST_DAYS = 366


class EngineTransport(models.AbstractModel):
    """How the messages of a campaign leave; a campaign calls these methods and does not ask which transport it has.

    A transport is an abstract model `engine.transport.<value of engine.campaign.transport>` that inherits this one. All
    its methods take a campaign; whoever calls them has changed the campaign's state before.
    """

    _name = "engine.transport"
    _description = "Transport of campaigns"

    _counts_engagement = False  # whether our own links and picture count clicks and opens

    @api.model
    def _check_ready(self, campaign):
        """Raise UserError, saying what to fill in, when the campaign cannot leave this way."""

    @api.model
    def _start(self, campaign, counted):
        """Reserve today's part of the `Counted` people, write the journal or have it written, and return the documented
        answer of `send`.

        Raises ApiProblem 409 when nothing may leave today.
        """
        raise NotImplementedError

    @api.model
    def _begin(self, campaign):
        """The journal is written: hand over what was reserved for it."""
        raise NotImplementedError

    @api.model
    def _start_message(self, message, waiting):
        """Reserve what the `waiting` recipients of a message need and begin to hand it over; 409 as for `_start`."""
        raise NotImplementedError

    @api.model
    def _continue(self, campaign):
        """Queue what may leave now: after a stop of the tenant, when quota is free again."""

    @api.model
    def _advance(self, campaign):
        """One turn of the scheduled action for a campaign that is sending: go on, or finish it."""

    @api.model
    def _pause(self, campaign):
        """The campaign was paused or cancelled: what the other system has of it stops as well."""

    @api.model
    def _resume(self, campaign):
        """The campaign was resumed."""
        self._continue(campaign)

    @api.model
    def _stop(self, campaign):
        """All mail of the campaign's tenant was stopped."""

    # === QUOTA === #

    def _reserve_message(self, message, waiting, **options):
        """Return the grants for all that waits of a message; it leaves as a whole, or is refused."""
        quota = self.env["engine.quota"]
        purpose = f"message/{message.id}"
        grants = quota._reserve(message.tenant_id, waiting, purpose=purpose, **options)
        self._check_granted(message.tenant_id, grants)
        quota._release_on_rollback(grants)
        return grants

    @api.model
    def _check_granted(self, tenant, grants):
        """Raise the documented answer when nothing may leave today: `error` is for programs, the rest for people, with
        the IPs that are stopped.
        """
        if not grants:
            sentence = "; ".join((self.env._("No IPs with sufficient quota"), *tenant.ip_ids._say_stops()))
            raise ApiProblem(409, sentence, extra={"success": False, "error": NO_QUOTA})

    def _note_forecast(self, campaign, waiting, grants):
        """Note the day on which all of `waiting` recipients are sent, some of them by these grants."""
        left = waiting - sum(grant["granted"] for grant in grants)
        campaign.sudo().fully_sent_on = self._forecast(campaign.tenant_id, left)

    def _forecast(self, tenant, waiting):
        """The day on which the last of `waiting` recipients is sent, at today's quotas; False: not within a year."""
        a_day = sum(tenant.ip_ids.filtered("is_sending").mapped("daily_quota"))
        days = -(-max(waiting, 0) // a_day) if a_day else FORECAST_DAYS * bool(waiting > 0)
        return tenant._get_today() + timedelta(days=days) if days < FORECAST_DAYS else False

    def _explain(self, ip, grant):
        free = grant["remaining"] + grant["granted"]
        return self.env._("%(ip)s had %(free)s of %(quota)s left today", ip=ip.address, free=free, quota=grant["quota"])

    def _build_answer(self, campaign, counted, grants):
        allocations = [self._describe_grant(grant) for grant in grants]
        largest = allocations[0]
        reserved = sum(grant["granted"] for grant in grants)
        total = counted.waiting + counted.held
        return {
            "success": True,
            "campaign_id": campaign.id,
            "total_recipients": total,
            "ip_used": largest["ip_address"],
            "ip_status": largest["ip_status"],
            "quota_info": largest["quota_info"],
            "allocations": allocations,
            "sent_today": reserved,
            "sent_later": total - reserved,
            "suppressed": counted.refused,
            "fully_sent_on": fields.Date.to_string(campaign.fully_sent_on) or None,
        }

    def _describe_grant(self, grant):
        ip = self.env["engine.ip"].browse(grant["ip_id"])
        return {
            "ip_id": ip.id,
            "ip_address": ip.address,
            "ip_status": ip.status,
            "emails": grant["granted"],
            "reason": self._explain(ip, grant),
            "quota_info": {
                "daily_quota": grant["quota"],
                "sent_today_before": grant["used_before"],
                "remaining_after": grant["remaining"],
            },
        }
