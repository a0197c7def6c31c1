import json
import socket
import time

from odoo.tests import tagged

from odoo.addons.email_engine_bridge.models.engine_api_admission import MAX_JSON_BODY
from odoo.addons.lokario_base.tools import standard_webhooks

from ..models.engine_api_admission import MAX_SIGNED_BODY
from .common import CampaignHttpCase


@tagged("post_install", "-at_install")
class TestApiAdmission(CampaignHttpCase):
    """Who calls, how much and what is asked before the body is read."""

    def announce(self, path, token=None, size=60_000_000, **headers):
        """The status of an answer that has to come while nothing of the body was sent."""
        fields = {"Host": "127.0.0.1", "Content-Length": str(size), "Content-Type": "application/json", **headers}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.look_again()
        with socket.create_connection(("127.0.0.1", self.http_port()), timeout=120) as connection:
            connection.sendall(f"POST /api/v2{path} HTTP/1.1\r\n{head}\r\n".encode())
            return int(connection.recv(12).split()[1])

    def _create_source(self, **values):
        return self.env["engine.webhook.source"].create({"name": "Pipe", "tenant_id": self.tenant_a.id, **values})

    def signed(self, **changed):
        secret = standard_webhooks.new_secret()
        self._create_source(signing_secret=secret)
        return {**standard_webhooks.headers([secret], "m1", b""), **changed}

    def test_a_stranger_is_refused_before_his_body_is_read(self):
        for path in ("/campaigns", "/contacts/ingest", "/nothing", "/webhooks/powermta", "/webhooks/powermta/wrong"):
            self.assertEqual(self.announce(path), 401, path)
            self.assertEqual(self.announce(path, token="lke_00000000_wrong"), 401, path)
        self.assertEqual(self.announce("/docs"), 413)
        self.assertEqual(self.announce("/webhooks/powermta", **self.signed(**{"webhook-timestamp": "1"})), 401)

    def test_a_key_does_not_make_a_body_of_any_size_read(self):
        token = self._create_source()._issue_token()
        for path in ("/campaigns", "/contacts/ingest", f"/webhooks/powermta/{token}"):
            self.assertEqual(self.announce(path, token=self.token_a), 413, path)
        size = MAX_SIGNED_BODY + 1
        self.assertEqual(self.announce("/webhooks/powermta", size=size, **self.signed()), 413)

    def test_a_body_of_unannounced_length_has_the_same_limit(self):
        """Counted while it is read: `Content-Length` is only the sender's word."""
        pieces = (b" " * 1_000_000 for _piece in range(MAX_JSON_BODY // 1_000_000 + 2))
        answer = self.api("/campaigns", data=pieces)
        self.assertEqual(answer.status_code, 413, answer.text)
        piece = json.dumps({"html": "x"}).encode()
        self.assertEqual(self.api("/templates/preview", data=iter([piece])).status_code, 200)

    def test_a_type_that_no_route_reads_is_refused_unread(self):
        for kind in ("multipart/form-data; boundary=x", "application/xml", "image/png"):
            self.assertEqual(self.announce("/campaigns", self.token_a, 10, **{"Content-Type": kind}), 415, kind)
        self.assertEqual(
            self.announce("/contacts/ingest", self.token_a, 10, **{"Content-Type": "multipart/form-data"}), 415
        )

    def test_what_curl_labels_as_a_form_is_json(self):
        body = json.dumps({"html": "x", "sample": {}})
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
            answer = self.api("/templates/preview", data=body, headers={"Content-Type": kind})
            self.assertEqual(answer.status_code, 200, answer.text)

    def test_wide_and_deep_json_is_refused_before_it_is_built(self):
        wide, deep = b"[" + b"{}," * 2_000_000 + b"{}]", b"[" * 200_000
        for path in ("/campaigns", "/templates/preview"):
            for body in (wide, deep, b'{"html": "x", "sample": ' + b'{"a":' * 60 + b"1" + b"}" * 61):
                started = time.monotonic()
                answer = self.api(path, data=body)
                self.assertEqual(answer.status_code, 422, answer.text[:200])
                self.assertLess(time.monotonic() - started, 30)

    def test_contacts_with_an_endless_member_or_row(self):
        for body in (
            b'{"tenant_id": 1, "lists": [' + b"{}," * 2_000_000 + b'{}], "contacts": []}',
            b"[" + b"[{}," * 500_000,
            b"email" + b"," * 5_000_000,
            b'email,name\n"' + b'","\n' * 1_000_000,
        ):
            answer = self.api(f"/contacts/ingest?tenant_id={self.tenant_a.id}", data=body)
            self.assertEqual(answer.status_code, 422, answer.text[:200])

    def test_values_that_are_no_json_are_named_with_their_place(self):
        for value, place in (("NaN", "x.0"), ("-Infinity", "x.0"), ('"\\ud800"', "x.0"), ('{"\\udc00": 1}', "x.0")):
            body = f'{{"html": "x", "sample": {{"x": [{value}]}}}}'
            answer = self.api("/templates/preview", data=body)
            self.assertEqual(answer.status_code, 422, answer.text)
            [error] = answer.json()["errors"]
            self.assertEqual(error["loc"], ["body", "sample"])
            self.assertIn(place, error["msg"])

    def test_contacts_with_such_values_are_listed(self):
        rows = '[{"email": "a@x.test", "n": NaN}, {"email": "b@x.test", "city": "\\ud83d"}, {"email": "c@x.test"}]'
        answer = self.api(f"/contacts/ingest?tenant_id={self.tenant_a.id}", data=rows).json()
        self.assertEqual((answer["created"], [error["row"] for error in answer["errors"]]), (1, [1, 2]))
        self.assertIn("city", answer["errors"][1]["error"])

    def test_half_a_surrogate_in_an_event_costs_no_row(self):
        token = self._create_source()._issue_token()
        row = {"type": "b", "timeLogged": "2026-01-01 10:00:00+0000", "rcpt": "x@y.test", "dsnDiag": "\ud800"}
        answer = self.api(f"/webhooks/powermta/{token}", data=json.dumps([row]))
        self.assertEqual((answer.status_code, answer.json()["received"]), (200, 1), answer.text)

    def test_a_verb_that_a_path_does_not_know(self):
        for path in ("/contacts/ingest", "/templates/preview"):
            response = self.api(path)
            self.assertEqual((response.status_code, response.headers["Allow"]), (405, "POST"), path)
            self.assertEqual(response.headers["Content-Type"], "application/problem+json")
