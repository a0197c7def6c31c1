"""What the engine's tests start from: two tenants with IPs that may send."""

# Real connections on a clone of the database see what was committed alone. pylint: disable=invalid-commit

from contextlib import contextmanager
from functools import wraps
from unittest import TestCase
from unittest.mock import patch

import odoo.http
import odoo.service.server
import requests
from odoo import SUPERUSER_ID, api, models
from odoo.tests import TransactionCase

from odoo.addons.lokario_base.tests.committed import CommittedCase

from ..models.engine_ip_day import insert_days


class EngineCommon:
    """Two tenants, A with two warming IPs, B with one."""

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

    def look_again(self):
        """Forget what was read."""
        self.env.invalidate_all()

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
    """For what runs within one transaction; what opens connections of its own is an `EngineCommittedCase`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpEngine()


class EngineCommittedCase(EngineCommon, CommittedCase):
    """Real connections and commits; each test starts from tenants of its own.

    A test is somebody who knocks at doors: each call of `DOORS` is a request or a job, with a transaction of its own
    that is committed at its end, or rolled back by an exception. What the test has written before is committed then.
    """

    DOORS = {
        "engine.ip": ("_set_status", "_set_quota_today"),
        "engine.ip.change": ("action_apply",),
        "engine.powermta.server": ("_generate", "_render_config"),
        "engine.quota": ("_consume_hourly_cap", "_read_today", "_release", "_reserve", "_settle"),
        "engine.tenant": ("_check_quota", "_get_capacity", "_render_config"),
        "engine.warmup": ("_judge_today",),
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.registry.cursor() as cr:
            cls.env = api.Environment(cr, SUPERUSER_ID, {})
            cls.setUpPeople()

    @classmethod
    def setUpPeople(cls):
        """Users and companies, which stay for all tests of the class."""

    def setUp(self):
        super().setUp()
        type(self).env = self.env  # of the class methods that make records
        self._empty()
        self.setUpEngine()
        self.setUpData()
        for name, value in vars(type(self)).items():
            if isinstance(value, models.BaseModel):
                setattr(self, name, value.with_env(self.env))
        self.look_again()
        self._is_inside = False
        for model, names in self.DOORS.items():
            for name in names:
                door = self.registry[model]
                self.startPatcher(patch.object(door, name, self._as_request(getattr(door, name))))

    @classmethod
    def setUpData(cls):
        """Further records, anew for each test."""

    def look_again(self):
        """Commit what the test has written, and see what others have."""
        self.cr.commit()

    def _empty(self):
        """Nothing of an earlier test is left: no tenant, and nothing that belongs to one; no job, no setting."""
        self.cr.execute("TRUNCATE engine_tenant, engine_api_key, lokario_rate_limit, queue_job CASCADE")
        self.cr.execute("DELETE FROM ir_config_parameter WHERE starts_with(key, 'email_engine')")
        self.registry.clear_cache("stable")

    def _as_request(self, method):
        @wraps(method)
        def request(records, *args, **kwargs):
            if self._is_inside or records.env.cr is not self.cr or not all(records._ids):  # not saved yet
                return method(records, *args, **kwargs)
            self.cr.commit()
            self._is_inside = True
            try:
                answer = method(records, *args, **kwargs)
            except Exception:
                self.cr.rollback()
                raise
            finally:
                self._is_inside = False
            self.cr.commit()
            return answer

        return request

    @contextmanager
    def _assertRaises(self, exception, *, msg=None):
        """Odoo's own takes a savepoint, which ends with the request."""
        self.cr.commit()
        with TestCase.assertRaises(self, exception, msg=msg) as caught:
            yield caught
        self.cr.rollback()

    def run_cron(self, xmlid):
        """Run a scheduled action as the scheduler does."""
        self.cr.commit()
        self.env.ref(xmlid).method_direct_trigger()
        self.cr.commit()


class EngineHttpCase(EngineCommittedCase):
    """The API and the pages, which this process serves for the clone; a key for each tenant."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gate = odoo.http.db_list.__self__
        cls.startClassPatcher(patch.object(gate, "manager", cls.database))

    @classmethod
    def setUpData(cls):
        super().setUpData()
        cls.env["ir.config_parameter"].set_param("web.base.url", cls.base_url())
        cls.token_a = cls._create_token(cls.tenant_a)
        cls.token_b = cls._create_token(cls.tenant_b)

    def setUp(self):
        super().setUp()
        self.opener = Visitor(self)

    @classmethod
    def http_port(cls):
        return odoo.service.server.server.httpd.server_port

    @classmethod
    def base_url(cls):
        return f"http://127.0.0.1:{cls.http_port()}"

    def url_open(self, path, data=None, json=None, method=None, **options):
        method = method or ("GET" if data is None and json is None else "POST")
        return self.opener.request(method, self.base_url() + path, data=data, json=json, timeout=120, **options)

    def api(self, path, token=None, data=None, method=None, headers=None):
        """Call /api/v2 and return the response; `token=None` is tenant A's key."""
        token = self.token_a if token is None else token
        headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        return self.url_open(f"/api/v2{path}", data=data, headers=headers, method=method)


class Visitor(requests.Session):
    """Each request sees what the test has written, and the test sees what the request has left."""

    def __init__(self, test):
        super().__init__()
        self._test = test

    def request(self, *args, **options):
        self._test.look_again()
        try:
            return super().request(*args, **options)
        finally:
            self._test.look_again()
