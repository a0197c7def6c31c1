import json
from pathlib import Path

from odoo.modules.module import load_script
from odoo.tests import tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from ..tools.chunk_journal import ChunkJournal
from .common import CampaignCommittedCase, CampaignHttpCase

PLAIN = {"subject": "Order {{ number }}", "text": "Thank you, {{ first_name }} <3", "data": {"number": "A<7"}}


@tagged("post_install", "-at_install")
class TestMessagesApi(CampaignHttpCase):
    def _post(self, status=202, headers=None, token=None, **body):
        body = {"tenant_id": self.tenant_a.id, "to": ["jean@x.test"], **body}
        response = self.api("/messages", data=json.dumps(body), headers=headers, token=token)
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def _get(self, path, status=200, token=None):
        response = self.api(path, token=token)
        self.assertEqual(response.status_code, status, response.text)
        return response.json()

    def _send_waiting(self):
        for chunk in self.env["engine.campaign.chunk"].search([("state", "=", "pending")]):
            chunk._job_send()

    def _used(self):
        days = self.quota._read_today(self.tenant_a)
        return sum(day["sent"] + day["reserved"] for day in days.values())

    def test_from_the_call_to_the_delivery(self):
        self.mta.messages = []
        self._add_contacts(["jean@x.test"])
        taken = self._post(template_id=self.template.id, data={"first_name": "Élodie"})
        self.assertEqual((taken["state"], taken["recipients"][0]["email"]), ("queued", "jean@x.test"))
        self.assertEqual(self._used(), 1)
        self._send_waiting()
        path = f"/messages/{taken['id']}"
        self.assertEqual(self._get(path)["state"], "sent")
        self._feed_back()
        self.assertEqual(self._get(path)["state"], "delivered")
        [event] = self._get(f"{path}/events")["items"]
        self.assertEqual((event["event"], event["email"]), ("email.delivered", "jean@x.test"))
        [message] = self.mta.messages
        self.assertIn(b"Hi =C3=89lodie", message.replace(b"=\r\n", b""))
        self.assertIn(b"Lyon", message)  # the contact's own value
        self.assertNotIn(b"List-", message)
        self.assertEqual(self._used(), 1)

    def test_opens_and_clicks_are_counted_where_the_call_asks_for_it(self):
        """Two messages with a link each; who clicks is led to the link of his own message, and to no other."""
        html = "<p>See <a href='https://shop.test/order'>it</a> {{ number }}</p>"
        asked = {"subject": "Hi", "html": html, "track_opens": True, "track_clicks": True}
        counted = self._post(**asked)
        plain = self._post(subject="Hi", html=html.replace("order", "other"))
        addresses = self.tenant_a._get_addresses()
        for taken, kept in ((counted, 1), (plain, 0)):
            recipient = self.env["engine.message"].browse(taken["id"]).recipient_ids
            links = addresses.links(recipient.id)
            link = links["click_url"].removeprefix(addresses.base_url)
            for path, status in (
                (link + "0", 302 if kept else 404),
                (link + "1", 404),
                (link + "0", 302 if kept else 404),
            ):
                answer = self.url_open(path, allow_redirects=False)
                self.assertEqual(answer.status_code, status)
                if status == 302:
                    self.assertEqual(answer.headers["Location"], "https://shop.test/order")
            self.url_open(links["open_url"].removeprefix(addresses.base_url))
            message = self._get(f"/messages/{taken['id']}")["recipients"][0]
            self.assertEqual((bool(message["opened_at"]), bool(message["clicked_at"])), (bool(kept), bool(kept)))
            events = [one["event"] for one in self._get(f"/messages/{taken['id']}/events")["items"]]
            self.assertEqual(sorted(events), ["email.clicked", "email.opened"] * kept)
            self.assertEqual("open_url" in recipient.message_id.content["html"], bool(kept))
            self.assertNotIn("unsubscribe", recipient.message_id.content["html"])

    def test_the_same_key_sends_once(self):
        key = {"Idempotency-Key": "order-7"}
        first = self._post(**PLAIN, headers=key)
        self.assertEqual(self._post(**PLAIN, headers=key), first)
        self._post(**{**PLAIN, "subject": "Other"}, headers=key, status=422)
        self.assertNotEqual(self._post(**PLAIN)["id"], first["id"])
        self._send_waiting()
        self.assertEqual(sorted(self.mta.received.values()), [1, 1])

    def test_what_cannot_be_sent_is_refused_and_changes_nothing(self):
        self.env["engine.suppression"]._suppress(self.tenant_a, ["gone@x.test"], "hard_bounce")
        document = self._post(**PLAIN, to=["gone@x.test"], status=409)
        self.assertEqual(document["refused"], {"gone@x.test": "hard_bounce"})
        foreign = self.template.copy({"tenant_id": self.tenant_b.id})
        for status, body in (
            (422, {**PLAIN, "to": ["nobody"]}),
            (422, {**PLAIN, "to": []}),
            (422, {**PLAIN, "template_id": self.template.id}),
            (422, {"subject": "Empty"}),
            (422, {**PLAIN, "subject": "{{ a|x }}"}),
            (422, {**PLAIN, "from_email": "boss@other.test"}),
            (422, {**PLAIN, "reply_to": "a@x.test>\r\nBcc: <b@x.test"}),
            (404, {**PLAIN, "tenant_id": self.tenant_b.id}),
            (404, {"template_id": foreign.id}),
            (409, {**PLAIN, "to": [f"n{number}@x.test" for number in range(50)]}),
        ):
            with self.subTest(body=body):
                if status == 409:
                    (self.ip_a1 | self.ip_a2).write({"status": "paused"})
                self._post(**body, status=status)
        self.assertEqual((self._used(), self.env["engine.message"].search_count([])), (0, 0))

    def test_one_of_two_is_suppressed(self):
        self.env["engine.suppression"]._suppress(self.tenant_a, ["gone@x.test"], "complaint")
        taken = self._post(**PLAIN, to=["gone@x.test", "Bounce-it@X.test", "bounce-it@x.test"])
        self._send_waiting()
        self._feed_back()
        message = self._get(f"/messages/{taken['id']}")
        states = {one["email"]: one["state"] for one in message["recipients"]}
        self.assertEqual(states, {"gone@x.test": "suppressed", "bounce-it@x.test": "bounced"})
        self.assertEqual(message["state"], "mixed")

    def test_areas_and_tenants(self):
        taken = self._post(**PLAIN)
        for path in (f"/messages/{taken['id']}", f"/messages/{taken['id']}/events"):
            self._get(path, status=404, token=self.token_b)
        stats = self._create_token(self.tenant_a, areas="stats")
        self._post(**PLAIN, status=403, token=stats)
        self._post(**PLAIN, status=403, token=self._create_token(self.tenant_a, access="read"))
        self._post(**PLAIN, token=self._create_token(self.tenant_a, areas="messages"))
        stream = self.env["engine.campaign"].search([("kind", "=", "transactional")])
        self.assertEqual(len(stream), 1)
        self._get(f"/campaigns/{self.tenant_a.id}/{stream.id}", status=404)
        self.assertEqual(self._get(f"/campaigns/{self.tenant_a.id}")["total"], 0)

    def test_a_mistake_is_told_of_the_part_that_was_written(self):
        answer = self._post(subject="Hi", text="Dear\n{{ name|uper }}", status=422)
        self.assertIn("Plain-text body: line 2, column 9", answer["detail"])


@tagged("post_install", "-at_install")
class TestMessages(CampaignCommittedCase):
    def _submit(self, *addresses, **values):
        values = {"to": addresses, "transport": "powermta", **PLAIN, **values}
        return self.env["engine.message"]._submit(self.tenant_a, values)

    def _states(self, messages):
        messages.recipient_ids.invalidate_recordset()
        return [recipient.state for recipient in messages.recipient_ids]

    def test_two_messages_to_one_person_each_get_their_own_records(self):
        first, second = self._submit("bounce-a@x.test"), self._submit("bounce-a@x.test")
        first.campaign_id.chunk_ids.filtered(lambda chunk: chunk.state == "pending")[-1]._job_send()
        self._feed_back()
        self.assertEqual(self._states(first) + self._states(second), ["bounced", "queued"])

    def test_a_worker_that_dies_loses_and_doubles_nothing(self):
        message = self._submit("a@x.test", "b@x.test")
        chunk = message.campaign_id.chunk_ids
        with chunk._hold() as held:
            chunk._take_window(ChunkJournal(self.env, chunk.id, held), 1)
        chunk._job_send()
        self.assertEqual(sorted(self._states(message)), ["sent", "unknown"])
        self.assertEqual((message.state, message.campaign_id.state), ("mixed", "sending"))
        self.assertEqual(sorted(self.mta.received.values()), [1])

    def test_what_was_given_back_leaves_by_another_chunk(self):
        """Several messages in one chunk: each person gets his own."""
        self.mta.messages = []
        first = self._submit("a@x.test", data={"number": "first"})
        second = self._submit("b@x.test", "c@x.test", data={"number": "second"})
        stream = first.campaign_id
        self.env["engine.lease"].search([]).write({"state": "returned"})
        for chunk in stream.chunk_ids:
            chunk._job_send()
        self.assertEqual(self._states(first | second), ["queued"] * 3)
        stream._continue()
        self._run_chunks(stream)
        self.assertEqual(self._states(first | second), ["sent"] * 3)
        subjects = sorted(message.count(b"Subject: Order first") for message in self.mta.messages)
        self.assertEqual(subjects, [0, 0, 1])
        self.assertEqual(stream.state, "sending")

    def test_the_kill_switch_and_a_pause_hold_messages(self):
        message = self._submit("a@x.test")
        stream = message.campaign_id
        stream.action_pause()
        self._run_chunks(stream)
        self.assertEqual(self._states(message), ["queued"])
        stream.action_resume()
        self._run_chunks(stream)
        self.assertEqual(self._states(message), ["sent"])
        self.tenant_a.action_stop()
        with self.assertRaisesRegex(Exception, "is stopped"):
            self._submit("a@x.test")
        with self.assertRaisesRegex(Exception, "never ends"):
            stream.action_cancel()

    def test_a_text_becomes_a_page_of_its_own(self):
        message = self._submit("a@x.test")
        self.assertIn("Thank you, {{ first_name }} &lt;3", message.content["html"])
        self.assertEqual(message.content["text"], PLAIN["text"])

    def test_old_contents_are_forgotten(self):
        done, waiting = self._submit("a@x.test"), self._submit("b@x.test")
        done.campaign_id.chunk_ids[-1]._job_send()
        self.env.cr.execute("UPDATE engine_message SET create_date = create_date - interval '31 days'")
        self.env["engine.message"]._gc_contents()
        self.assertEqual((bool(done.content), bool(waiting.content)), (False, True))
        self.env.cr.execute("UPDATE engine_message SET create_date = create_date - interval '400 days'")
        self.env["engine.message"]._gc_messages()
        self.assertFalse((done | waiting).exists())

    def test_the_job_of_a_message_is_queued_once(self):
        with trap_jobs() as trap:
            message = self._submit("a@x.test")
            trap.assert_enqueued_job(message.campaign_id.chunk_ids._job_send)

    def test_earlier_messages_are_called_by_their_written_subject(self):
        message = self._submit("a@x.test")
        self.env.flush_all()
        self.env.cr.execute("UPDATE engine_message SET title = NULL")
        path = Path(__file__).parents[1] / "migrations" / "19.0.1.4.0" / "post-messages.py"
        load_script(str(path), "post_messages").migrate(self.env.cr, "19.0.1.3.0")
        message.invalidate_recordset()
        self.assertEqual(message.display_name, message.subject)
