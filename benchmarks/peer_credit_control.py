"""OCA's account_credit_control beside us: installed from PyPI for the measurement alone, never a dependency."""

import subprocess

from lokario_cli.paths import ROOT, STATE
from lokario_cli.setup.postgres import Cluster
from lokario_cli.setup.venv import venv
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.loaded import LoadedOdoo
from lokario_testing.environments.mail import SmtpServer

from .billing_environment import make_ledger
from .child import in_a_child

PACKAGE = "odoo-addon-account-credit-control==19.0.1.0.0.13"
INVOICES, CUSTOMERS = 2_000, 500
FOLDER = STATE / "peers" / "credit-control"


class PeerEnvironment(Databases):
    def options(self, **more):
        return super().options(addons_path=f"{ROOT},{FOLDER}/odoo/addons", **more)


def measure_peer() -> dict:
    """Return {"decision": queries per line, "queries", "ms": per mail, "megabytes"}; the peer lives in a child."""
    _install()
    return in_a_child(_measure)


def _install():
    if not FOLDER.exists():
        python = ["--python", venv() / "bin" / "python"]
        install = [venv() / "bin" / "uv", "pip", "install", "-q", "--no-deps", *python, "--target", FOLDER, PACKAGE]
        subprocess.run(install, check=True)


def _measure():
    with Cluster.for_tests() as cluster, SmtpServer() as smtp:
        environment = PeerEnvironment(cluster)
        database = environment.clone(environment.template(), "lokario_bench_credit_control")
        try:
            environment.run_odoo(database, "-i", "account_credit_control", "--stop-after-init")
            return _run(LoadedOdoo(environment, database), smtp)
        finally:
            environment.drop(database)


def _run(loaded, smtp):
    from .bench_followups import Cost

    decision, sending = {}, {}
    with loaded.env() as env:
        env.company.write({"email": "contact@alpha.example", "country_id": env.ref("base.fr").id})
        server = {"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_encryption": "none"}
        env["ir.mail_server"].create({"name": "loopback", **server})
        partners, _moves = make_ledger(env, INVOICES, CUSTOMERS, days_late=(60, 65))
        policy = env.ref("account_credit_control.credit_control_3_time")
        receivables = env["account.account"].search([("account_type", "=", "asset_receivable")])
        policy.write({"account_ids": [(6, 0, receivables.ids)]})
        partners.credit_policy_id = policy
        env.ref("account_credit_control.email_template_credit_control_base").report_template_ids = False
        env.cr.commit()
        run = env["credit.control.run"].create({"date": "2026-11-21", "policy_ids": [(6, 0, policy.ids)]})
        with Cost(decision) as cost:
            run.generate_credit_lines()
            env.flush_all()
            cost.mails = len(run.line_ids)
        with Cost(sending) as cost:
            run.set_to_ready_lines()
            run.run_channel_action()
            mails = env["mail.mail"].search([("state", "=", "outgoing")])
            cost.mails = len(mails) or len(run.line_ids.communication_id)
            env.cr.commit()
    loaded.close()
    return {**sending, "decision": decision["queries"]}
