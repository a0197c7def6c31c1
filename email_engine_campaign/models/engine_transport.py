from odoo import api, models

NO_QUOTA = "No IPs with sufficient quota"


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
    def _start(self, campaign, waiting):
        """Write the journal, begin to hand over to `waiting` people, and return the documented answer of `send`.

        Raises ApiProblem 409 when nothing may leave today.
        """
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
