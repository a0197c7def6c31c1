from contextlib import contextmanager
from unittest.mock import patch

from odoo.tests import TransactionCase


class QuietPostgres:
    """Stands for a PostgreSQL where nothing of ours exists yet; real databases are for the system tests."""

    def find(self, name):
        return None

    def cluster(self):
        return 1

    def hide(self, name, mark):
        """There is nobody to hide it from."""

    @contextmanager
    def exclusive(self, key, wait):
        yield True

    def drop(self, name, mark, unmarked_is_ours=False):
        return False


class SaasCase(TransactionCase):
    """A server, a template that counts as built, a plan and a client."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["saas.server"].create(
            {"name": "Here", "state": "active", "max_instances": 2, "base_domain": "example.test", "protocol": "https"}
        )
        cls.template = cls.env["saas.template"].create({"name": "Small", "code": "small", "server_id": cls.server.id})
        cls.template.write({"state": "ready", "template_db": "t-tpl_small_v1", "version": 1})
        cls.plan = cls.env["saas.plan"].create({"name": "Standard", "template_id": cls.template.id})
        cls.partner = cls.env["res.partner"].create(
            {"name": "Martin", "email": "Marie@Martin.test", "is_company": True, "lang": "en_US"}
        )

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.startPatcher(
            patch.object(self.registry["saas.server"], "_get_postgres__", lambda _server: QuietPostgres())
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
