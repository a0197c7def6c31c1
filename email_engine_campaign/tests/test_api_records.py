import gzip
import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from odoo.addons.email_engine_bridge.models import engine_api_call
from odoo.addons.email_engine_bridge.routers import dependencies
from odoo.addons.email_engine_bridge.tools import contact_rows

from .common import CampaignHttpCase


@tagged("post_install", "-at_install")
class TestApiRecords(CampaignHttpCase):
    """Create, change, delete; how calls and answers travel; whatever is not known is refused."""

    def call(self, path, values=None, method=None, status=200, **headers):
        headers.setdefault("Content-Type", "application/json")
        data = json.dumps(values) if values is not None else None
        response = self.api(path, data=data, method=method, headers=headers)
        self.assertEqual(response.status_code, status, response.text)
        return response

    def test_what_is_not_known_is_refused(self):
        for path in (f"/contacts/{self.tenant_a.id}?limit=5&offset=3", "/health?x=1"):
            self.assertIn("Unknown parameter", self.call(path, status=422).json()["detail"])
        template = {"tenant_id": self.tenant_a.id, "name": "N", "subject": "S", "html": "<p>x</p>"}
        self.call("/templates", {**template, "body": "x"}, status=422)
        contacts = {"tenant_id": self.tenant_a.id, "list": ["News"], "contacts": [{"email": "a@x.test"}]}
        self.assertIn("Unknown: list", self.call("/contacts/ingest", contacts, status=422).json()["detail"])
        self.assertFalse(self.env["engine.contact"].search([("tenant_id", "=", self.tenant_a.id)]))

    def test_what_contradicts_itself_or_comes_too_late_is_refused(self):
        tenant = {"tenant_id": self.tenant_a.id}
        for path in (
            f"/contacts/{self.tenant_a.id}?page=1&page=2",
            f"/contacts/{self.tenant_a.id}?page=2&cursor=start",
        ):
            self.call(path, status=422)
        rows = {"contacts": [{"email": "a@x.test"}]}
        for other in (self.tenant_b.id, True, "1"):
            path = f"/contacts/ingest?tenant_id={self.tenant_a.id}"
            self.call(path, {**rows, "tenant_id": other}, status=422)
        self.call("/contacts/ingest", {**rows, "tenant_id": True}, status=422)
        self.assertFalse(self.env["engine.contact"].search([]))
        self.call("/lists", {**tenant, "name": "  "}, status=422)
        self.assertEqual(self.call("/lists", {**tenant, "name": " Fans "}, status=201).json()["name"], "Fans")
        self.call("/lists", {**tenant, "name": "Fans"}, status=409)
        self.call("/suppressions", {**tenant, "email": "a@x.test", "until": "2020-01-01"}, status=422)
        campaign = {**tenant, "name": "Late", "template_id": self.template.id, "lists": ["News"]}
        self.call("/campaigns", {**campaign, "scheduled_at": "2020-01-01T10:00:00Z"}, status=422)
        self.assertFalse(self.env["engine.campaign"].search([("name", "=", "Late")]))
        draft = self.call("/campaigns", campaign, status=201).json()
        refused = self.call(f"/campaigns/{self.tenant_a.id}/{draft['id']}/resume", method="POST", status=422)
        self.assertIn("cannot become “Sending”", refused.json()["detail"])

    def test_a_path_names_all_its_methods(self):
        path = f"/templates/{self.tenant_a.id}/{self.template.id}"
        for method in ("PUT", "OPTIONS"):
            answer = self.call(path, method=method, status=405, **{"Idempotency-Key": "k-9"})
            self.assertEqual(answer.headers["Allow"], "DELETE, GET, PATCH")
        self.assertEqual(self.call("/contacts/ingest", method="PUT", status=405).headers["Allow"], "POST")

    def test_templates_are_changed_and_archived(self):
        path = f"/templates/{self.tenant_a.id}/{self.template.id}"
        self.assertEqual(self.call(path).json()["name"], "Offer")
        changed = self.call(path, {"subject": "Salut"}, "PATCH").json()
        self.assertEqual((changed["subject"], changed["name"]), ("Salut", "Offer"))
        self.call(path, {"html": "{{"}, "PATCH", status=422)
        self.call(f"/templates/{self.tenant_b.id}/{self.template.id}", {"subject": "x"}, "PATCH", status=404)
        self.call(path, method="DELETE", status=204)
        self.call(path, status=404)

    def test_no_page_and_no_contact_is_larger_than_a_worker(self):
        self.env["engine.template"].create(
            [{"tenant_id": self.tenant_a.id, "name": f"T{n}", "subject": "S", "html": "x" * 900} for n in range(3)]
        )
        path = f"/templates/{self.tenant_a.id}?page_size="
        with patch.object(dependencies, "MAX_ANSWER", 2000), patch.object(dependencies, "PIECE", 2):
            self.assertIn("ask for fewer", self.call(f"{path}4", status=422).json()["detail"])
            self.assertEqual(len(self.call(f"{path}1").json()["items"]), 1)
        self.assertEqual(len(self.call(f"{path}4").json()["items"]), 4)
        self._add_contacts(["a@x.test"])
        contact = self.env["engine.contact"].search([("email", "=", "a@x.test")])
        much = {"attributes": {"x": "y" * contact_rows.MAX_ATTRIBUTES}}
        refused = self.call(f"/contacts/{self.tenant_a.id}/{contact.id}", much, "PATCH", status=422)
        self.assertIn("at most", refused.json()["detail"])

    def test_contacts_and_lists(self):
        created = self.call("/lists", {"tenant_id": self.tenant_a.id, "name": "VIP"}, status=201).json()
        self.call("/lists", {"tenant_id": self.tenant_a.id, "name": "VIP"}, status=409)
        self._add_contacts(["a@x.test", "b@x.test"])
        contact = self.env["engine.contact"].search([("email", "=", "a@x.test")])
        path = f"/contacts/{self.tenant_a.id}/{contact.id}"
        changed = self.call(path, {"first_name": "Zoé", "lists": ["VIP"], "attributes": {"n": 1}}, "PATCH").json()
        self.assertEqual((changed["first_name"], changed["lists"]), ("Zoé", ["VIP"]))
        self.assertEqual(changed["attributes"], {"city": "Lyon", "n": 1})
        self.call(path, {"lists": ["None"]}, "PATCH", status=422)
        self.call(f"/contacts/{self.tenant_b.id}/{contact.id}", status=404)
        self.call(path, method="DELETE", status=204)
        self.call(path, status=404)
        list_path = f"/lists/{self.tenant_a.id}/{created['id']}"
        self.assertEqual(self.call(list_path, {"description": "For few"}, "PATCH").json()["contacts"], 0)
        self.call(list_path, method="DELETE", status=204)
        names = [one["name"] for one in self.call(f"/lists/{self.tenant_a.id}").json()["items"]]
        self.assertEqual(names, ["News"])

    def test_suppressions_are_added_and_lifted(self):
        values = {"tenant_id": self.tenant_a.id, "email": "Gone@x.test", "note": "asked by phone"}
        added = self.call("/suppressions", values, status=201).json()
        self.assertEqual((added["email"], added["source"], added["reason"]), ("gone@x.test", "api", "manual"))
        path = f"/suppressions/{self.tenant_a.id}"
        self.assertEqual(self.call(f"{path}?email=gone@x.test").json()["total"], 1)
        self.call(f"{path}/{added['id']}/lift", {}, "POST", status=422)
        lifted = self.call(f"{path}/{added['id']}/lift", {"reason": "wants mail again"}, "POST").json()
        self.assertEqual(lifted["lifted_because"], "wants mail again")
        again = self.call("/suppressions", values, status=201).json()
        self.assertNotEqual(again["id"], added["id"])
        self.env["engine.suppression"]._suppress(self.tenant_a, ["angry@x.test"], "complaint")
        complaint = self.env["engine.suppression"].search([("email", "=", "angry@x.test")])
        self.call(f"{path}/{complaint.id}/lift", {"reason": "x"}, "POST", status=422)

    def test_ips_are_paused_and_resumed(self):
        self.assertEqual(self.call(f"/ips/{self.tenant_a.id}").json()["total"], 2)
        paused = self.call(f"/ips/{self.ip_a1.id}/pause", {"reason": "list bought"}, "POST").json()
        self.assertEqual((paused["status"], paused["remaining"], paused["reason"]), ("paused", 0, "list bought"))
        self.assertEqual(
            self.call(f"/ips/{self.ip_a1.id}/resume", {"reason": "cleaned"}, "POST").json()["status"], "warming"
        )
        self.call(f"/ips/{self.ip_a1.id}/resume", {"reason": "again"}, "POST", status=422)
        self.call(f"/ips/{self.ip_b1.id}/pause", {"reason": "not mine"}, "POST", status=404)

    def test_cursors_miss_and_double_nothing(self):
        self._add_contacts([f"p{number}@x.test" for number in range(7)])
        seen, cursor = [], "start"
        while cursor:
            page = self.call(f"/contacts/{self.tenant_a.id}?page_size=3&cursor={cursor}").json()
            seen += [one["email"] for one in page["items"]]
            cursor = page["next_cursor"]
            self._add_contacts([f"new{len(seen)}@x.test"])
        self.assertEqual(sorted(seen), [f"p{number}@x.test" for number in range(7)])

    def test_a_repeated_call_gets_the_same_answer(self):
        values = {"tenant_id": self.tenant_a.id, "name": "Once"}
        first = self.call("/lists", values, status=201, **{"Idempotency-Key": "k-1"})
        second = self.call("/lists", values, status=201, **{"Idempotency-Key": "k-1"})
        self.assertEqual((first.json(), second.headers["Idempotent-Replayed"]), (second.json(), "true"))
        self.assertEqual(self.env["engine.contact.list"].search_count([("name", "=", "Once")]), 1)
        self.call("/lists", {**values, "name": "Other"}, status=422, **{"Idempotency-Key": "k-1"})
        self.call("/lists", values, status=409, **{"Idempotency-Key": "k-2"})
        self.call("/lists", values, status=422, **{"Idempotency-Key": "k" * 201})
        self.assertEqual(
            self.api(
                "/lists",
                self.token_b,
                json.dumps({**values, "tenant_id": self.tenant_b.id}),
                headers={"Content-Type": "application/json", "Idempotency-Key": "k-1"},
            ).status_code,
            201,
        )

    def test_an_answer_too_long_to_be_kept_is_not_given_twice_and_nothing_is_done_twice(self):
        values = {"tenant_id": self.tenant_a.id, "name": "Once"}
        with patch.object(engine_api_call, "MOST_KEPT", 20):
            self.call("/lists", values, status=201, **{"Idempotency-Key": "k-1"})
        answer = self.call("/lists", values, status=409, **{"Idempotency-Key": "k-1"})
        self.assertIn("was done and answered with 201", answer.json()["detail"])
        self.assertEqual(self.env["engine.contact.list"].search_count([("name", "=", "Once")]), 1)

    def test_gzip_head_and_etag(self):
        self._add_contacts([f"p{number}@x.test" for number in range(40)])
        path = f"/contacts/{self.tenant_a.id}"
        answer = self.call(path, **{"Accept-Encoding": "gzip"})
        self.assertEqual((answer.headers["Content-Encoding"], answer.json()["total"]), ("gzip", 40))
        self.assertEqual(self.call(path, status=304, **{"If-None-Match": answer.headers["ETag"]}).text, "")
        head = self.call(path, method="HEAD")
        self.assertEqual((head.text, head.headers["ETag"]), ("", answer.headers["ETag"]))
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/csv"}
        body = gzip.compress(b"email\nz@x.test\n")
        ingested = self.api(f"/contacts/ingest?tenant_id={self.tenant_a.id}", data=body, headers=headers)
        self.assertEqual((ingested.status_code, ingested.json()["created"]), (200, 1), ingested.text)
        for broken, status in (
            (body[:-5], 422),
            (b"email\nq@x.test\n", 422),
            (b"\x1f\x8bxx", 422),
            (gzip.compress(b"x" * 40_000_000), 413),
        ):
            path = f"/contacts/ingest?tenant_id={self.tenant_a.id}"
            self.assertEqual(self.api(path, data=broken, headers=headers).status_code, status)

    def test_limits_and_areas_of_a_key(self):
        answer = self.call("/health")
        self.assertEqual(answer.headers["RateLimit-Limit"], "600")
        self.assertLess(int(answer.headers["RateLimit-Remaining"]), 600)
        token = self._create_token(self.tenant_a, areas="stats, contacts", calls_per_minute=5)
        statuses = [
            self.api(path, token).status_code
            for path in (
                f"/stats/{self.tenant_a.id}/overview",
                f"/lists/{self.tenant_a.id}",
                f"/quotas/{self.tenant_a.id}",
            )
        ]
        self.assertEqual(statuses, [200, 200, 403])
        answers = [self.api("/health", token) for _turn in range(12)]  # more than two minutes' calls: one may end here
        refused = next(answer for answer in answers if answer.status_code == 429)
        self.assertEqual(refused.headers["RateLimit-Remaining"], "0")
        self.assertLessEqual(int(refused.headers["Retry-After"]), 60)

    def test_a_rotated_key_works_for_another_day(self):
        key = self.env["engine.api.key"].create({"name": "R", "tenant_ids": self.tenant_a.ids})
        former = key._issue_token()
        present = key._show_new_token(timedelta(days=1))["context"]["shown_token"]
        self.assertEqual([self.api("/health", one).status_code for one in (former, present)], [200, 200])
        key.sudo().former_until = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual([self.api("/health", one).status_code for one in (former, present)], [401, 200])
        key.action_revoke()
        self.assertEqual([self.api("/health", one).status_code for one in (former, present)], [401, 401])
