import json
import xmlrpc.client
from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import EngineCommon

GROUP = "email_engine_bridge.group_email_engine_bridge_"


class Refused(Exception):
    """What the other side says when it refuses."""


@tagged("post_install", "-at_install")
class TestRemoteCalls(EngineCommon, HttpCase):
    """The model through Odoo's own doors: each of them keeps the same rules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpEngine()
        cls.company = cls.env["res.company"].create({"name": "Theirs"})
        foreign = cls._create_tenant("Gamma", "gamma", company_id=cls.company.id)
        cls.foreign_ip = cls._create_ip(foreign, "mail1.gamma.test", "203.0.113.1")
        cls.manager = new_test_user(cls.env, "engine manager", groups=f"{GROUP}manager")
        cls.reader = new_test_user(cls.env, "engine reader", groups=f"{GROUP}user")
        cls.keys = {user: cls._create_key(user) for user in (cls.manager, cls.reader)}

    @classmethod
    def _create_key(cls, user):
        keys = cls.env["res.users.apikeys"].with_user(user).sudo()
        return keys._generate("rpc", "test", fields.Datetime.now() + timedelta(days=1))

    def _json_2(self, user, model, method, ids=(), **arguments):
        headers = {"Authorization": f"Bearer {self.keys[user]}", "Content-Type": "application/json"}
        body = json.dumps({"ids": list(ids), **arguments} if ids else arguments)
        answer = self.url_open(f"/json/2/{model}/{method}", data=body, headers=headers)
        if answer.status_code != 200:
            raise Refused(answer.json()["message"])
        return answer.json()

    def _json_rpc(self, user, model, method, ids=(), **arguments):
        called = [self.env.cr.dbname, user.id, self.keys[user], model, method, [list(ids)] if ids else [], arguments]
        params = {"service": "object", "method": "execute_kw", "args": called}
        answer = self.url_open("/jsonrpc", json={"jsonrpc": "2.0", "id": 1, "params": params}).json()
        if "error" in answer:
            raise Refused(answer["error"]["data"]["message"])
        return answer["result"]

    def _xml_rpc(self, user, model, method, ids=(), **arguments):
        called = (self.env.cr.dbname, user.id, self.keys[user], model, method, [list(ids)] if ids else [], arguments)
        try:
            return self.xmlrpc_object.execute_kw(*called)
        except xmlrpc.client.Fault as fault:
            raise Refused(fault.faultString) from fault

    @mute_logger("odoo.addons.rpc.controllers.jsonrpc", "odoo.addons.rpc.controllers.xmlrpc")  # "deprecated"
    @mute_logger("odoo.http", "odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_every_door_keeps_the_same_rules(self):
        for call in (self._json_2, self._json_rpc, self._xml_rpc):
            with self.subTest(door=call.__name__):
                self._check_rules(call)

    def _check_rules(self, call):
        rows = call(self.manager, "engine.ip", "search_read", domain=[], fields=["address", "phase"])
        self.assertEqual({row["phase"] for row in rows}, {"week_1"})
        self.assertIn("192.0.2.1", {row["address"] for row in rows})
        self.assertNotIn("203.0.113.1", {row["address"] for row in rows})
        with self.assertRaisesRegex(Refused, "asks for a reason"):
            call(self.manager, "engine.ip", "write", self.ip_a1.ids, vals={"status": "paused"})
        with self.assertRaises(Refused):
            call(self.manager, "engine.ip", "write", self.foreign_ip.ids, vals={"hostname": "mine.gamma.test"})
        with self.assertRaises(Refused):
            call(self.reader, "engine.ip", "write", self.ip_a1.ids, vals={"hostname": "mine.alpha.test"})
        key = (
            self.env["engine.dkim.key"]
            .sudo()
            .create({"domain_id": self.ip_a1.domain_id.id, "selector": call.__name__[1:].replace("_", "")})
        )
        [row] = call(self.manager, "engine.dkim.key", "read", key.ids, fields=["private_key", "record"])
        self.assertEqual(row["private_key"], "set")
        self.assertIn("v=DKIM1", row["record"])
        with self.assertRaises(Refused):
            call(self.manager, "engine.quota", "_reserve", tenant=self.tenant_a.id, emails=1)
        self.assertEqual((self.ip_a1.status, self.foreign_ip.hostname), ("warming", "mail1.gamma.test"))
