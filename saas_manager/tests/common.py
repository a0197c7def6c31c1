from contextlib import nullcontext
from unittest.mock import patch

from odoo.tests import TransactionCase

from odoo.addons.queue_job.job import Job


class QuietPostgres:
    """Stands for a PostgreSQL where nothing of ours exists yet; real databases are for the system tests."""

    def find(self, name):
        return None

    def cluster(self):
        return 1

    def is_prepared(self):
        return True

    def has_visitor(self, database, application):
        return True

    def is_closed(self, connection):
        return True

    def close(self, database):
        """Nobody stands at the door."""

    def has_role(self, role):
        return False

    def drop_role(self, role):
        """There is none."""

    def let_in(self, role, password):
        """There is none."""

    def shut_out(self, database, role):
        """There is none."""

    def hide(self, name, tag):
        """There is nobody to hide it from."""

    def publish(self, name, tag):
        """There is nobody to show it to."""

    def drop(self, name, tag, unmarked_is_ours=False):
        return False


class QuietProcess:
    """Stands for a host that has just done what it was told."""

    def await_end(self):
        return True

    def await_socket(self):
        return True


def make_offer(env, name="small"):
    """A server, a template that counts as built, a plan and a client."""
    server = env["saas.server"].create(
        {"name": name, "state": "active", "max_instances": 2, "base_domain": "example.test", "protocol": "https"}
    )
    code = name.replace("-", "")
    template = env["saas.template"].create({"name": name, "code": code, "server_id": server.id})
    template.write({"state": "ready", "template_db": f"t-tpl_{code}_v1", "version": 1})
    plan = env["saas.plan"].create({"name": "Standard", "template_id": template.id})
    partner = env["res.partner"].create(
        {"name": "Martin", "email": "Marie@Martin.test", "is_company": True, "lang": "en_US"}
    )
    return server, template, plan, partner


class QuietLease:
    """Stands for a lease in a test whose only connection is its own; real ones are for the committed tests."""

    def renew(self):
        """Nobody else is there."""


def run_mail_jobs(env):
    """Run what waits to send mails, as the runner would: by what is stored of each job."""
    waiting = [("method_name", "=", "_job_send"), ("state", "=", "pending")]
    for stored in env["queue.job"].search(waiting, order="id"):
        job = Job.load(env, stored.uuid)
        job.perform()
        job.set_done()
        job.store()


class SaasCase(TransactionCase):
    """A server, a template that counts as built, a plan and a client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server, cls.template, cls.plan, cls.partner = make_offer(cls.env)

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.startPatcher(
            patch.object(self.registry["saas.server"], "_get_postgres__", lambda _server: QuietPostgres())
        )
        self.startPatcher(
            patch.object(self.registry["saas.server"], "_get_process__", lambda _server, _database: QuietProcess())
        )
        self.startPatcher(
            patch.object(self.registry["saas.instance"], "_alone", lambda _instance: nullcontext(QuietLease()))
        )

    def new_instance(self, subdomain="martin", **values):
        return self.env["saas.instance"].create(
            {
                "name": subdomain.title(),
                "subdomain": subdomain,
                "partner_id": self.partner.id,
                "plan_id": self.plan.id,
                **values,
            }
        )

    def force_state(self, instance, state, **values):
        """Put an instance where a real life would have brought it."""
        instance._set_guarded(state=state, is_deployed=state in {"active", "suspended"}, **values)
