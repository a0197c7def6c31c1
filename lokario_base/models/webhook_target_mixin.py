import logging
import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..fields import Secret
from ..identity import confirm_identity
from ..tools import standard_webhooks
from ..tools.webhook_client import WebhookClient

_logger = logging.getLogger(__name__)

LOCAL = re.compile(r"http://(?:localhost|127\.0\.0\.1)(?=[:/?#]|$)")
OVERLAP = timedelta(hours=24)  # how long deliveries are signed with the former secret, too


class WebhookTargetMixin(models.AbstractModel):
    """Who is notified by signed deliveries (standardwebhooks.com): an address and its secret.

    The addon's model names the models that say where may be called and that show a secret once; its deliveries are its
    ``delivery_ids``.
    """

    _name = "lokario.webhook.target.mixin"
    _inherit = ["lokario.secret.mixin", "lokario.access.mixin"]
    _description = "Outgoing Webhook"

    _destination = ""
    _shown_by = ""

    url = fields.Char("Address", required=True)
    active = fields.Boolean(default=True)
    signing_secret = Secret(
        "Signing secret",
        destination=("url",),
        help="whsec_…; the receiver verifies with it (standardwebhooks.com)",
    )
    former_secret = Secret("Former signing secret", destination=("url",))
    former_until = fields.Datetime(readonly=True, copy=False, help="Until then both secrets sign.")

    last_answer = fields.Char("Last answer", compute="_compute_last_answer")

    def _compute_last_answer(self):
        """What the newest delivery was answered, its state before that."""
        deliveries = self.env[self._fields["delivery_ids"].comodel_name]
        states = dict(deliveries._fields["state"]._description_selection(self.env))
        newest = dict(deliveries._read_group([("target_id", "in", self.ids)], ["target_id"], ["id:max"]))
        for target in self:
            last = deliveries.browse(newest.get(target, ()))
            target.last_answer = last and (last.answer or states[last.state])

    @api.constrains("url")
    def _check_url(self):
        for target in self:
            label = self._fields["url"]._description_string(self.env)
            schemes = ("https", "http") if LOCAL.match(target.url) else ("https",)
            self.env[self._destination]._check_url(label, target.url, schemes)

    @api.model_create_multi
    def create(self, vals_list):
        """Give every target a secret of its own, unless one is set."""
        targets = super().create(vals_list)
        targets._give_secret()
        return targets

    def _secret_cleared(self, field):
        """Another receiver gets a secret of its own; the button shows it."""
        self._give_secret()

    def _give_secret(self):
        """Whoever has none gets one: nothing leaves unsigned. The words “not set” that a form sends are no secret."""
        for target in self.filtered(lambda each: not each.signing_secret):
            target.signing_secret = standard_webhooks.new_secret()

    @confirm_identity
    def action_show_secret(self):
        """Make a new secret and show it, once; for a day the former one verifies, too."""
        self.ensure_one()
        self.check_access("write")
        former = self._reveal_secret__("signing_secret")
        self.write({"former_secret": former, "signing_secret": standard_webhooks.new_secret()})
        self.sudo().former_until = fields.Datetime.now() + OVERLAP
        secret = self._reveal_secret__("signing_secret")
        _logger.info("webhook target %s: new secret shown to user #%s", self.id, self.env.uid)
        return self.env[self._shown_by]._show(self.env._("The receiver verifies deliveries with:"), secret)

    def action_test(self):
        """Have a delivery sent that says nothing, to see whether the receiver takes it."""
        self.check_access("write")
        self._check_active()
        for target in self:
            target._add_test()
        self._deliver_soon()

    def _check_active(self):
        """Refuse what would wait for a target that gets nothing."""
        if stopped := self.filtered(lambda target: not target.active)[:1]:
            raise UserError(self.env._("%s is archived: nothing is delivered until it is active again.", stopped.url))

    def _set_gone(self):
        """The receiver wants nothing any more: what waits is kept until a person makes the target active again."""
        self.ensure_one()
        self.sudo().active = False
        self._notify_gone()

    def _notify_gone(self):
        """Tell who set the target up, in Odoo's inbox or by mail."""
        owner = self.create_uid
        text = self.with_context(lang=owner.lang)._say_gone()
        self.env["mail.thread"].sudo().message_notify(
            partner_ids=owner.partner_id.ids, body=text, subject=self.url, model=self._name, res_id=self.id
        )

    def _say_gone(self):
        return self.env._(
            "%(url)s answers that it is gone (HTTP 410): it gets no deliveries until the webhook is made active again.",
            url=self.url,
        )

    def _add_test(self):
        """Hook: store the delivery of a test."""
        raise NotImplementedError

    @api.model
    def _deliver_soon(self):
        """Hook: have what waits delivered without waiting for the next turn of the scheduled action."""
        raise NotImplementedError

    def _get_client__(self):
        self.ensure_one()
        self._give_secret()
        names = ["signing_secret"]
        if self.former_until and self.former_until > fields.Datetime.now():
            names.append("former_secret")
        secrets = [secret for secret in map(self._reveal_secret__, names) if secret]
        return WebhookClient(self.url, secrets, self.env[self._destination]._get_pin())
