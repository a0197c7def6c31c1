from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.lokario_base.fields import Secret

from ..tools.llm_client import LlmClient, LlmError


class InboxAiProvider(models.Model):
    """A language model behind an OpenAI-compatible chat-completions URL."""

    _name = "inbox.ai.provider"
    _description = "AI Provider"
    _inherit = ["lokario.secret.mixin", "lokario.access.mixin"]
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    base_url = fields.Char(
        "URL", required=True, help="Ends before /chat/completions, such as https://api.example.com/v1."
    )
    api_key = Secret("API key", destination=("base_url",))
    model_name = fields.Char("Model", required=True)
    timeout = fields.Integer("Timeout (s)", default=60, required=True)
    prompt_price = fields.Float("Price of 1,000 prompt tokens", digits=(12, 6))
    completion_price = fields.Float("Price of 1,000 answer tokens", digits=(12, 6))
    budget_per_day = fields.Float(help="In the currency of the prices; 0 means no limit.", digits=(12, 4))
    spent_today = fields.Float(compute="_compute_spent_today", digits=(12, 6))

    _timeout_check = models.Constraint("CHECK(timeout BETWEEN 1 AND 600)", "The timeout is between 1 and 600 seconds.")

    @api.constrains("base_url")
    def _check_base_url(self):
        for provider in self:
            parts = urlsplit(provider.base_url or "")
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
                raise ValidationError(
                    self.env._("The URL looks like https://api.example.com/v1, without a login or parameters.")
                )

    def _compute_spent_today(self):
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0)
        spent = dict(
            self.env["inbox.ai.decision"]
            .sudo()
            ._read_group([("provider_id", "in", self.ids), ("asked_at", ">=", today)], ["provider_id"], ["cost:sum"])
        )
        for provider in self:
            provider.spent_today = spent.get(provider, 0.0)

    def _has_budget(self):
        """Whether another question may be asked today (UTC)."""
        self.invalidate_recordset(["spent_today"])
        return not self.budget_per_day or self.spent_today < self.budget_per_day

    def _cost(self, completion):
        """Return the price of a Completion."""
        prompt, answer = completion.prompt_tokens, completion.completion_tokens
        return (prompt * self.prompt_price + answer * self.completion_price) / 1000

    def _get_llm_client__(self):
        """Return the client of this provider; the key is decrypted here and kept nowhere else."""
        self.ensure_one()
        # clear text and odd ports only where an administrator listed host and port
        ports = (443,) if self.base_url.startswith("https:") else ()
        pin = self.env["inbox.integration"]._host_policy(ports).pin
        return LlmClient(self.base_url, self._reveal_secret__("api_key"), self.model_name, pin, timeout=self.timeout)

    def action_test(self):
        """Ask a trivial question and show what came back."""
        self.ensure_one()
        self.check_access("write")
        try:
            done = self._get_llm_client__().complete(
                [{"role": "user", "content": 'Answer with the JSON object {"reply": "ok"}'}], max_tokens=20
            )
        except LlmError as err:
            raise UserError(self.env._("The AI provider does not work: %s", str(err))) from err
        message = self.env._("The AI provider answered: %s", done.text[:100])
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "message": message},
        }
