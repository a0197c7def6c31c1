"""What the benchmarks and chaos of lokario_base share: Odoo in this process, accounts to delete, a throw-away model."""

import contextlib
import os
import tempfile
from email.message import EmailMessage
from pathlib import Path

from lokario_testing.environments.loaded import LoadedOdoo, fresh_database
from lokario_testing.environments.mail import MailEnvironment

MAILBOX_PASSWORD = "bench-password"


@contextlib.contextmanager
def base_environment(name: str):
    """Yield an open BaseEnvironment: a clone of the dependency template with lokario_base, its registry loaded."""
    with (
        fresh_database(name, "lokario_account") as (environment, database),
        contextlib.closing(BaseEnvironment(environment, database, log_level="critical")) as base,
    ):
        yield base


@contextlib.contextmanager
def full_environment(name: str):
    """Yield an open FullEnvironment: the inbox and accounting installed, Dovecot running."""
    with (
        fresh_database(name, "lokario_billing,lokario_inbox,lokario_account") as (environment, database),
        MailEnvironment(Path(tempfile.mkdtemp(prefix="lokario-mail-")), everybody=MAILBOX_PASSWORD) as mail,
        contextlib.closing(FullEnvironment(environment, database, mail)) as full,
    ):
        yield full


class BaseEnvironment(LoadedOdoo):
    """Accounts with files and messages, and the job that deletes them."""

    group = "base.group_portal"

    def due_deletions(self, count: int, prefix: str) -> list[int]:
        """Make accounts whose deletion is due now; return the ids of the deletions.

        Everything personal contains the account's name, ``<prefix><number>canari``.
        """
        with self.env() as env:
            users = self._make_users(env, [f"{prefix}{number}canari" for number in range(count)])
            self._live(env, users)
        with self.env() as env:
            deletions = env["lokario.account.deletion"]
            for user in users.with_env(env):
                deletions |= deletions.with_user(user)._request(user).sudo()
            deletions.deletion_scheduled_at = "2020-01-01"
            return deletions.ids

    def _make_users(self, env, names):
        users = env["res.users"].with_context(no_reset_password=True, tracking_disable=True)
        groups = [(6, 0, env.ref(self.group).ids)]
        addresses = {name: f"{name}@canari.example" for name in names}
        return users.create(
            [
                {"name": name, "login": address, "email": address, "group_ids": groups}
                for name, address in addresses.items()
            ]
        )

    def _live(self, env, users):
        """What an account leaves behind while it is used."""
        for user in users:
            own = {"street": f"1 rue {user.name}", "comment": f"<p>{user.name}</p>", "phone": f"+336{user.id:08}"}
            user.partner_id.write(own)
        env["ir.attachment"].create(
            [
                {
                    "name": "canari.txt",
                    "raw": f"file of {user.name}".encode(),
                    "res_model": "res.partner",
                    "res_id": user.partner_id.id,
                }
                for user in users
            ]
        )
        env["mail.message"].create(
            [
                {
                    "author_id": user.partner_id.id,
                    "body": f"written by {user.name}",
                    "model": "res.partner",
                    "res_id": 1,
                    "message_type": "comment",
                    "email_from": user.email,
                }
                for user in users
            ]
        )

    def process(self):
        """What the nightly job does."""
        with self.env() as env:
            env["lokario.account.deletion"]._cron_process()

    def add_safe_model(self, env):
        """Register the model ``lokario.bench.safe`` with one secret, in this process and database only."""
        from odoo import fields, models
        from odoo.orm.model_classes import add_to_registry

        from odoo.addons.lokario_base.fields import Secret

        class Safe(models.Model):
            _name = "lokario.bench.safe"
            _inherit = "lokario.secret.mixin"
            _description = "Model of a Benchmark"
            _module = "lokario_base"

            name = fields.Char()
            password = Secret("Password")

        add_to_registry(env.registry, Safe)
        env.registry._setup_models__(env.cr, [Safe._name])
        env.registry.init_models(env.cr, [Safe._name], {"module": "lokario_base"})


class FullEnvironment(BaseEnvironment):
    """Accounts that have a mailbox with synchronised mail, a paid invoice, and a session without a device."""

    group = "base.group_user"

    def __init__(self, environment, database, mail: MailEnvironment):
        super().__init__(environment, database, log_level="critical")
        self.mail = mail
        with self.env() as env:
            env["ir.config_parameter"].set_param("lokario_mailbox.allowed_hosts", f"127.0.0.1:{mail.imap_port}")
            env["account.journal"].search([("type", "=", "sale")]).restrict_mode_hash_table = True

    def _live(self, env, users):
        super()._live(env, users)
        for user in users:
            self._receive(env, user)
            self._buy(env, user)
            open_session(self.database, user)
        env.cr.commit()
        env["inbox.integration"]._cron_sync_all()
        owners = env["inbox.message"].search([]).integration_id.user_id
        assert users <= owners, "the mail of every mailbox is here"

    def _receive(self, env, user):
        for number in range(2):
            letter = EmailMessage()
            letter["From"], letter["To"] = f"Somebody <{number}@sender.example>", user.email
            letter["Subject"], letter["Message-ID"] = f"For {user.name}", f"<{number}.{user.name}@sender.example>"
            letter.set_content(f"Dear {user.name}")
            letter.add_attachment(f"attached for {user.name}".encode(), maintype="text", subtype="x", filename="a.txt")
            self.mail.deliver(user.email, letter.as_bytes())
        env["inbox.integration"].create(
            {
                "name": f"Mailbox of {user.name}",
                "email_address": user.email,
                "email_password": MAILBOX_PASSWORD,
                "imap_host": "127.0.0.1",
                "imap_port": self.mail.imap_port,
                "imap_security": "none",
                "smtp_host": "127.0.0.1",
                "visibility": "private",
                "user_id": user.id,
            }
        )

    def _buy(self, env, user):
        line = {"name": "Work", "quantity": 1, "price_unit": 120, "tax_ids": [(5,)]}
        values = {"move_type": "out_invoice", "partner_id": user.partner_id.id, "invoice_date": "2026-01-15"}
        move = env["account.move"].create({**values, "invoice_line_ids": [(0, 0, line)]})
        move.action_post()
        env["ir.attachment"].create(
            {
                "name": "invoice.pdf",
                "raw": f"%PDF for {user.name}".encode(),
                "res_model": "account.move",
                "res_id": move.id,
            }
        )
        payment = env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        payment.create({})._create_payments()


def open_session(database: str, user) -> None:
    """The file of a session that no device log knows."""
    from odoo.http import root

    session = root.session_store.new()
    session.update({"db": database, "login": user.login, "uid": user.id})
    root.session_store.save(session)


def resident_bytes() -> int:
    """Memory of this process."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
