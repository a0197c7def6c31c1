import base64
import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..exceptions import EngineError, EngineRejected
from ..tools.pmta_diff import semantic_diff
from ..tools.pmta_lint import lint, parse


class EngineConfigVersion(models.Model):
    """One text of a server's configuration: what changed, whether the machine took it."""

    _name = "engine.config.version"
    _inherit = ["lokario.state.mixin", "lokario.access.mixin"]
    _description = "Configuration version"
    _order = "id desc"
    _rec_name = "number"
    _transitions = {
        "draft": {"pending", "deployed"},
        "pending": {"draft", "pushing", "deployed"},
        "pushing": {"pending", "deployed", "failed"},
        "deployed": {"pending", "replaced"},
        "replaced": {"pending", "deployed"},
        "failed": {"pending", "deployed"},
    }

    server_id = fields.Many2one("engine.powermta.server", required=True, readonly=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="server_id.company_id", store=True)
    number = fields.Integer(required=True, readonly=True)
    content = fields.Text(required=True, readonly=True)
    content_file = fields.Binary("File", compute="_compute_content_file")
    content_filename = fields.Char(compute="_compute_content_file")
    digest = fields.Char("SHA-256", required=True, readonly=True)
    reason = fields.Char(readonly=True)
    changes = fields.Text(readonly=True, help="What differs from the version before")
    change_count = fields.Integer(readonly=True)
    state = fields.Selection(
        [
            ("draft", "Not pushed"),
            ("pending", "Waiting to be pushed"),
            ("pushing", "Being pushed"),
            ("deployed", "In use"),
            ("replaced", "Replaced"),
            ("failed", "Refused, rolled back"),
        ],
        required=True,
        default="draft",
        readonly=True,
    )
    pushed_at = fields.Datetime(readonly=True)
    error_message = fields.Char(readonly=True)

    _number_uniq = models.UniqueIndex("(server_id, number)")

    @api.depends("content", "number")
    def _compute_content_file(self):
        for version in self:
            version.content_file = base64.b64encode(version.content.encode())
            version.content_filename = f"pmta-{version.number}.conf"

    @api.model
    def _append(self, server, text, reason):
        """Return the version with this text, new if the last one of the server differs."""
        last = self.search([("server_id", "=", server.id)], limit=1)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if last.digest == digest:
            return last
        changes = semantic_diff(last.content or "", text)
        # No user writes versions: they are what the printer printed.
        return self.sudo().create(
            {
                "server_id": server.id,
                "number": last.number + 1,
                "content": text,
                "digest": digest,
                "reason": reason,
                "changes": "\n".join(changes) if last else self.env._("First version"),
                "change_count": len(changes),
            }
        )

    def action_push(self):
        for version in self:
            version._request_push()
        return True

    def _request_push(self):
        """Have the next cron run push this version; older ones no longer wait."""
        self.ensure_one()
        self.check_access("read")
        self.server_id.check_access("write")
        if not self.server_id.api_url:
            raise UserError(self.env._("Management API: give its address on the server first."))
        if any(finding.severity == "error" for finding in lint(self.content)):
            raise UserError(self.env._("This version does not pass the linter and is not pushed."))
        waiting = self.server_id.version_ids.filtered(lambda version: version.state == "pending")
        (waiting - self)._set_draft()
        (self - waiting)._set_pending()
        self.env.ref("email_engine_bridge.ir_cron_push_configuration").sudo()._trigger()

    def action_rollback(self):
        """Make this version's text the newest one again and push it."""
        self.ensure_one()
        self.server_id.check_access("write")
        reason = self.env._("Rollback to version %(number)s by %(user)s", number=self.number, user=self.env.user.name)
        version = self._append(self.server_id, self.content, reason)
        if self.server_id.api_url:
            version._request_push()
        return True

    @api.model
    def _cron_push(self):
        """Push what waits, and again what was being pushed when we died: the same files twice change nothing."""
        versions = self.search([("state", "in", ("pending", "pushing"))], order="id")
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(versions))
        for version in versions:
            if not version.try_lock_for_update():
                continue
            if version.state == "pending":
                version._set_pushing()
                if not commit_progress():
                    break
            version.with_context(lang=version.server_id._in_company_language().env.lang)._push()
            if not commit_progress(1):
                break

    def _push(self):
        """Write the files, reload, and put the former text back if the machine refuses."""
        self.ensure_one()
        server = self.server_id
        previous = server.version_ids.filtered(lambda version: version.state == "deployed")[:1]
        try:
            client = server._get_pmta_client__()
            self._deploy(client, previous)
        except EngineError as error:
            message = self.env["engine.finding"]._say_error(error)
            if isinstance(error, EngineRejected) and previous:
                message += self._restore(client, previous)
            self._set_failed(message)
            server.message_post(body=self.env._("Version %(n)s was not taken: %(why)s", n=self.number, why=message))
            return
        self._set_deployed()

    def _set_draft(self):
        self.sudo()._set_state("draft")

    def _set_pending(self):
        self.sudo()._set_state("pending", error_message=False)

    def _set_pushing(self):
        self.sudo()._set_state("pushing")

    def _set_deployed(self):
        """Note that the machine uses this version now, and the former one no longer."""
        if self.state == "deployed":
            return
        self.server_id.version_ids.filtered(lambda version: version.state == "deployed")._set_replaced()
        self.sudo()._set_state("deployed", pushed_at=fields.Datetime.now(), error_message=False)

    def _set_replaced(self):
        self.sudo()._set_state("replaced")

    def _set_failed(self, why):
        self.sudo()._set_state("failed", error_message=why)

    def _deploy(self, client, previous):
        """Write and reload; mail that waits for an IP that left stays where it is, until the IP is back."""
        server, names = self.server_id, self._vmta_names(self)
        paused, leaving = set(server.paused_vmtas or ()), self._vmta_names(previous) - names
        client.write_files({"config": self.content, **server._get_key_files()})
        self._run_each(client, "pause", leaving)
        client.run("reload")
        self._run_each(client, "resume", paused & names)
        server.paused_vmtas = sorted((paused | leaving) - names)

    def _run_each(self, client, command, names):
        for name in sorted(names):
            client.run(f"{command} queue */{name}")

    def _restore(self, client, previous):
        """Put the deployed text back; returns what to add to the error."""
        try:
            client.write_files({"config": previous.content})
            client.run("reload")
            self._run_each(client, "resume", self._vmta_names(previous) - self._vmta_names(self))
        except EngineError as error:
            why = self.env["engine.finding"]._say_error(error)
            return self.env._(" The former version could not be put back: %s", why)
        return self.env._(" The former version is in use again.")

    def _vmta_names(self, version):
        root, _findings = parse(version.content or "")
        return {block.name for block in root.blocks("virtual-mta")}
