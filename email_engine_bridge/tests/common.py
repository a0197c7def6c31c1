"""What the engine's tests start from: two tenants with IPs that may send."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, models
from odoo.tests import HttpCase, TransactionCase

from odoo.addons.lokario_base.tests.committed import CommittedCase

from ..models.engine_ip_day import insert_days


class _OpenLock:
    """FastAPI runs routes in other threads, which open further test cursors while the request's thread waits."""

    count = 1

    def acquire(self, *_args, **_options):
        return True

    def release(self):
        pass


class EngineCommon:
    """Two tenants, A with two warming IPs, B with one; a key for each."""

    @classmethod
    def setUpEngine(cls):
        cls.env.company.partner_id.lang = "en_US"  # what jobs write on records
        cls.tenant_a = cls._create_tenant("Alpha", "alpha")
        cls.tenant_b = cls._create_tenant("Beta", "beta")
        cls.ip_a1 = cls._create_ip(cls.tenant_a, "mail1.alpha.test", "192.0.2.1")
        cls.ip_a2 = cls._create_ip(cls.tenant_a, "mail2.alpha.test", "192.0.2.2")
        cls.ip_b1 = cls._create_ip(cls.tenant_b, "mail1.beta.test", "198.51.100.1")
        cls.quota = cls.env["engine.quota"]

    @classmethod
    def _create_tenant(cls, name, slug, **values):
        return cls.env["engine.tenant"].create(
            {
                "name": name,
                "slug": slug,
                "from_name": name,
                "from_email": f"no-reply@{slug}.test",
                **values,
            }
        )

    @classmethod
    def _create_ip(cls, tenant, hostname, address, status="warming", **values):
        domain = cls.env["engine.domain"].create({"name": hostname, "tenant_id": tenant.id, "dkim_key_ids": []})
        return cls.env["engine.ip"].create(
            {
                "address": address,
                "hostname": hostname,
                "domain_id": domain.id,
                "status": status,
                **values,
            }
        )

    def _count_events(self, ip, day, **counters):
        """What PowerMTA's records add to an IP's day."""
        self.env.flush_all()
        wanted = "SELECT %(ip_id)s AS ip_id, %(day)s::date AS day, 0 AS quota"
        added = ", ".join(f"{name} = coalesce(d.{name}, 0) + %({name})s" for name in counters)
        values = {"ip_id": ip.id, "day": day, **counters}
        self.env.cr.execute(insert_days(wanted), values)
        self.env.cr.execute(f"UPDATE engine_ip_day d SET {added} WHERE ip_id = %(ip_id)s AND day = %(day)s", values)
        self.env["engine.ip.day"].invalidate_model()

    @classmethod
    def _create_token(cls, tenants, **values):
        key = cls.env["engine.api.key"].create({"name": "Test", "tenant_ids": tenants.ids, **values})
        return key._issue_token()


class EngineCase(EngineCommon, TransactionCase):
    """For what runs within one transaction: connections of their own are Odoo's test cursors here.

    What is to show commits, locks or races is an `EngineCommittedCase`.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()
        cls.setUpEngine()

    @contextmanager
    def enter_registry_test_mode(self):
        """The whole class is in it."""
        self.env.flush_all()
        yield
        self.env.invalidate_all()


class EngineCommittedCase(EngineCommon, CommittedCase):
    """The tenants and IPs of `setUpEngine` are committed, and so is what the tests of a class commit."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.registry.cursor() as cr:
            cls.env = api.Environment(cr, SUPERUSER_ID, {})
            cls.setUpEngine()
            cls.setUpData()
        del cls.env

    @classmethod
    def setUpData(cls):
        """Further records of the class."""

    def setUp(self):
        super().setUp()
        for name, value in vars(type(self)).items():
            if isinstance(value, models.BaseModel):
                setattr(self, name, value.with_env(self.env))


class EngineHttpCase(EngineCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(patch("odoo.tests.common._registry_test_lock", _OpenLock()))
        cls.setUpEngine()
        cls.token_a = cls._create_token(cls.tenant_a)
        cls.token_b = cls._create_token(cls.tenant_b)

    def api(self, path, token=None, data=None, method=None, headers=None):
        """Call /api/v2 and return the response; `token=None` is tenant A's key."""
        token = self.token_a if token is None else token
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.url_open(f"/api/v2{path}", data=data, headers=headers, method=method)
