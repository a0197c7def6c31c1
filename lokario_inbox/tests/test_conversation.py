import base64
from datetime import timedelta
from email import message_from_bytes

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from ..tools.mime_parts import Part
from .conversation_common import ConversationCase

INVITATION = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:1@client.com
SUMMARY:Visite du chantier
DTSTART;TZID=Europe/Paris:20261201T093000
DTEND;TZID=Europe/Paris:20261201T103000
LOCATION:12 rue du Port\\, Nantes
ORGANIZER;CN=Anna Client:mailto:anna@client.com
ATTENDEE;CN=Contact:mailto:contact@atelier.fr
END:VEVENT
END:VCALENDAR
"""


@tagged("post_install", "-at_install")
class TestConversation(ConversationCase):
    def test_question_answer_question(self):
        """A question, our answer from Sent and the customer's reply are one conversation with figures."""
        start = fields.Datetime.now() - timedelta(hours=10)
        question, answer, reply = self.store(
            {"mid": "<q@client.com>", "date": start},
            {
                "mid": "<a@atelier.fr>",
                "refs": ["<q@client.com>"],
                "sender": "contact@atelier.fr",
                "folder": "sent",
                "email_to": "Anna <anna@client.com>",
                "subject": "Re: Devis escalier",
                "date": start + timedelta(hours=2),
            },
            {
                "mid": "<r@client.com>",
                "refs": ["<q@client.com>", "<a@atelier.fr>"],
                "subject": "Re: Devis escalier",
                "date": start + timedelta(hours=3),
            },
        )
        conversation = question.conversation_id
        self.assertEqual(answer.conversation_id | reply.conversation_id, conversation)
        self.assertEqual(conversation.message_count, 3)
        self.assertEqual(conversation.state, "in_progress")
        self.assertEqual(conversation.last_direction, "in")
        self.assertAlmostEqual(conversation.response_hours, 2.0, places=2)
        self.assertTrue(conversation.unread)

    def test_statistics_tell_mean_median_and_share_by_folder(self):
        """One very late answer pulls the mean, not the median; what was reopened has no resolution time."""
        start = fields.Datetime.now() - timedelta(hours=100)
        folder = self.env["inbox.category"].create({"name": "Ventes"})
        conversations = self.env["inbox.conversation"]
        for number, hours in enumerate((1, 2, 90, None)):
            asked = {"mid": f"<q{number}@c{number}.fr>", "sender": f"a@c{number}.fr", "subject": f"N {number}"}
            conversations |= self.store({**asked, "date": start}).conversation_id
            if hours:
                answer = {
                    "refs": [asked["mid"]],
                    "sender": "contact@atelier.fr",
                    "folder": "sent",
                    "mid": f"<r{number}@a.fr>",
                }
                self.store({**answer, "email_to": asked["sender"], "date": start + timedelta(hours=hours)})
        conversations.category_id = folder
        conversations[:2].write({"state": "resolved"})
        conversations[1].write({"state": "in_progress"})
        figures = ["response_hours:avg", "median_response_hours:median", "resolved_share:avg", "resolution_hours:avg"]
        (row,) = conversations.with_user(self.user).formatted_read_group(
            [("category_id", "=", folder.id)], ["category_id"], figures
        )
        self.assertEqual([round(row[name]) for name in figures], [31, 2, 25, 100])
        described = conversations.fields_get(["median_response_hours"], ["aggregator"])
        self.assertEqual(described["median_response_hours"]["aggregator"], "median")

    def test_newest_first_gives_the_same(self):
        """A first sync that stores the answers before the question ends in one conversation, notes kept."""
        start = fields.Datetime.now() - timedelta(hours=10)
        (reply,) = self.store(
            {
                "mid": "<r@client.com>",
                "refs": ["<q@client.com>", "<a@atelier.fr>"],
                "subject": "Re: x",
                "date": start + timedelta(hours=3),
            }
        )
        reply.conversation_id.with_user(self.user).inbox_note("Call her back")
        reply.conversation_id.user_id = self.user
        (question,) = self.store({"mid": "<q@client.com>", "date": start, "subject": "Other"})
        self.assertEqual(question.conversation_id, reply.conversation_id)
        conversation = question.conversation_id
        self.assertEqual(len(self.env["inbox.reader"]._notes(conversation)), 1)
        self.assertEqual(conversation.user_id, self.user)

    def test_two_conversations_merge(self):
        """The missing mail between two conversations arrives late: they merge, nothing is lost."""
        start = fields.Datetime.now() - timedelta(hours=10)
        first = self.store({"mid": "<1@client.com>", "date": start, "subject": "Premier sujet"}).conversation_id
        third = self.store(
            {
                "mid": "<3@client.com>",
                "refs": ["<2@client.com>"],
                "subject": "Troisième sujet",
                "date": start + timedelta(hours=3),
            }
        ).conversation_id
        self.assertNotEqual(first, third)
        third.with_user(self.user).inbox_note("A note")
        tag = self.env["inbox.tag"].create({"name": "VIP"})
        third.tag_ids = tag
        partner = self.env["res.partner"].create({"name": "P"})
        self.env["inbox.link"].create({"conversation_id": third.id, "res_model": "res.partner", "res_id": partner.id})
        self.store({"mid": "<2@client.com>", "refs": ["<1@client.com>"], "date": start + timedelta(hours=1)})
        self.assertEqual(third.merged_into_id, first)
        self.assertFalse(third.active)
        self.assertEqual(first.message_count, 3)
        self.assertEqual(first.tag_ids, tag)
        self.assertEqual(first.link_ids.res_id, partner.id)
        self.assertEqual(len(self.env["inbox.reader"]._notes(first)), 1)

    def test_our_message_id_leads_to_its_conversation(self):
        """An answer to a mail of ours that no folder holds finds the conversation by the MAC; a guess does not."""
        conversation = self.store({"mid": "<q@client.com>"}).conversation_id
        minted = conversation._mint_message_id("atelier.fr")
        found = self.store({"refs": [minted], "subject": "Autre"}).conversation_id
        self.assertEqual(found, conversation)
        guess = minted.replace(minted.split(".")[3], "a" * 24 + "@atelier")
        stranger = self.store({"refs": [minted], "sender": "m@evil.example", "subject": "Autre"}).conversation_id
        self.assertNotEqual(stranger, conversation)
        self.assertNotEqual(self.store({"refs": [guess], "subject": "Encore"}).conversation_id, conversation)

    def test_stranger_gets_a_hint_and_a_person_may_join(self):
        """The forged mail stands alone with a hint; a person who knows joins it."""
        (question,) = self.store({"mid": "<q@client.com>"})
        (forged,) = self.store(
            {"refs": ["<q@client.com>"], "sender": "m@evil.example", "subject": "Re: Devis escalier"}
        )
        conversation = forged.conversation_id
        self.assertNotEqual(conversation, question.conversation_id)
        self.assertEqual(conversation.suspected_thread_id, question.conversation_id)
        opened = conversation.with_user(self.user).inbox_open()
        self.assertEqual(opened["suspected"]["id"], question.conversation_id.id)
        conversation.with_user(self.user).action_join_suspected()
        self.assertEqual(forged.conversation_id, question.conversation_id)

    def test_new_mail_wakes_and_reopens(self):
        """A resolved, snoozed conversation comes back when the customer writes."""
        conversation = self.store({"mid": "<q@client.com>"}).conversation_id.with_user(self.user)
        conversation.inbox_update({"state": "resolved"})
        self.assertGreater(conversation.resolution_hours, 0)
        conversation.inbox_snooze(fields.Datetime.now() + timedelta(days=2))
        self.store({"refs": ["<q@client.com>"], "date": fields.Datetime.now()})
        self.assertEqual((conversation.state, conversation.snoozed_until), ("in_progress", False))

    def test_read_and_unread(self):
        """Reading marks the mails, here only for people with access; unread marks the last one."""
        messages = self.store({"mid": "<q@client.com>"}, {"refs": ["<q@client.com>"]})
        conversation = messages.conversation_id.with_user(self.user)
        conversation.action_mark_read(True)
        self.assertEqual(messages.mapped("is_seen"), [True, True])
        self.assertFalse(conversation.unread)
        conversation.action_mark_read(False)
        self.assertTrue(conversation.unread)
        self.assertEqual(messages.mapped("is_seen").count(False), 1)

    def test_rules_file(self):
        """AND, OR, order, mailbox; people are never overruled; the newsletter folder fills by headers."""
        Category = self.env["inbox.category"]
        invoices, jobs = Category.create([{"name": "Factures"}, {"name": "Candidatures"}])
        letters = Category.create({"name": "Lettres", "is_newsletter": True})
        tag = self.env["inbox.tag"].create({"name": "Compta"})
        self.env["inbox.rule"].create(
            [
                {
                    "name": "Invoices",
                    "category_id": invoices.id,
                    "tag_ids": tag.ids,
                    "user_id": self.user.id,
                    "sequence": 1,
                    "condition_ids": [
                        (0, 0, {"field": "subject", "operator": "contains", "value": "facture, avoir"}),
                        (0, 0, {"field": "sender", "operator": "matches_domain", "value": "client.com"}),
                    ],
                },
                {
                    "name": "Jobs",
                    "category_id": jobs.id,
                    "match": "any",
                    "sequence": 2,
                    "set_state": "archived",
                    "condition_ids": [
                        (0, 0, {"field": "subject", "operator": "contains", "value": "candidature"}),
                        (0, 0, {"field": "content", "operator": "contains", "value": "mon CV"}),
                    ],
                },
            ]
        )
        invoice, foreign, job, letter = self.store(
            {"subject": "Votre FACTURE n°3"},
            {"subject": "Facture", "sender": "x@other.com"},
            {"subject": "Bonjour", "sender": "y@other.com", "body": "Ci-joint mon cv"},
            {"subject": "Promo", "sender": "news@shop.fr", "headers": "List-Unsubscribe: <x>"},
        )
        self.assertEqual(invoice.conversation_id.category_id, invoices)
        self.assertEqual(invoice.conversation_id.classified_by, "rule")
        self.assertEqual((invoice.conversation_id.tag_ids, invoice.conversation_id.user_id), (tag, self.user))
        self.assertFalse(foreign.conversation_id.category_id)
        self.assertEqual((job.conversation_id.category_id, job.conversation_id.state), (jobs, "archived"))
        self.assertEqual((letter.conversation_id.category_id, letter.conversation_id.is_newsletter), (letters, True))
        invoice.conversation_id.with_user(self.user).inbox_update({"category_id": jobs.id})
        self.store({"refs": [invoice.message_id_header], "subject": "Re: Votre FACTURE n°3"})
        self.assertEqual(invoice.conversation_id.category_id, jobs)
        self.assertEqual(invoice.conversation_id.classified_by, "person")

    def test_changed_rules_reclassify_in_the_background(self):
        """The cron re-files what rules filed, and leaves what people filed."""
        a, b = self.env["inbox.category"].create([{"name": "A"}, {"name": "B"}])
        kept, moved = self.store({"subject": "Commande 1"}, {"subject": "Commande 2", "sender": "z@z.com"})
        kept.conversation_id.with_user(self.user).inbox_update({"category_id": a.id})
        rule = self.env["inbox.rule"].create(
            {
                "name": "Orders",
                "category_id": b.id,
                "condition_ids": [(0, 0, {"field": "subject", "operator": "contains", "value": "commande"})],
            }
        )
        self._run_cron("lokario_inbox.ir_cron_reclassify")
        self.assertEqual((kept.conversation_id.category_id, moved.conversation_id.category_id), (a, b))
        rule.unlink()
        self._run_cron("lokario_inbox.ir_cron_reclassify")
        self.assertFalse(moved.conversation_id.category_id)
        self.assertEqual(kept.conversation_id.category_id, a)

    def _run_cron(self, xmlid):
        with self.enter_registry_test_mode():
            self.env.ref(xmlid).method_direct_trigger()
        self.env.invalidate_all()

    def test_rule_is_tested_before_saving(self):
        """The form shows what an unsaved rule matches."""
        self.store({"subject": "Facture 1"}, {"subject": "Autre", "sender": "b@b.fr"})
        with Form(self.env["inbox.rule"].with_user(self.manager)) as form:
            form.name = "x"
            with form.condition_ids.new() as line:
                line.field, line.operator, line.value = "subject", "contains", "facture"
            self.assertIn("Facture 1", form.test_result)
            self.assertNotIn("Autre", form.test_result)

    def test_snooze_wakes(self):
        """The cron brings due conversations back, unread."""
        conversation = self.store({"is_seen": True}).conversation_id
        conversation.snoozed_until = fields.Datetime.now() - timedelta(minutes=1)
        self._run_cron("lokario_inbox.ir_cron_wake")
        self.assertFalse(conversation.snoozed_until)
        self.assertTrue(conversation.unread)

    def test_search_french_and_english(self):
        """Accents, stems, phrases, people, exclusions and dates, in both languages."""
        messages = self.store(
            {
                "subject": "Devis escalier hélicoïdal",
                "body": "Nous attendons votre réponse à propos des fenêtres.",
                "sender": "eloise@bois.fr",
                "author": "Éloïse Dupré <eloise@bois.fr>",
            },
            {
                "subject": "Broken delivery",
                "body": "The parcels were damaged when they arrived.",
                "sender": "john@shop.co.uk",
            },
        )
        stairs, parcel = (message.conversation_id for message in messages)
        Conversation = self.env["inbox.conversation"].with_user(self.user)
        for text, expected in (
            ("fenetre", stairs),
            ("FENÊTRE", stairs),
            ("reponses", stairs),
            ("helicoidal", stairs),
            ("dupre", stairs),
            ("de:eloise", stairs),
            ("from:bois.fr", stairs),
            ("parcel", parcel),
            ("arriving damage", parcel),
            ('"delivery"', parcel),
            ("deliv", parcel),
            ("delivery -devis", parcel),
            ("subject:broken", parcel),
            ("subject:parcels", Conversation),
            ("inexistant", Conversation),
            ("after:2000-01-01 fenetre", stairs),
            ("before:2000-01-01 fenetre", Conversation),
        ):
            rows = Conversation.inbox_list(view="all", search=text)["records"]
            self.assertEqual([row["id"] for row in rows], expected.ids, text)
        for nonsense in ("'); DROP", "-", '"', "(((", "\\", "%_", "from:", "a:b:c"):
            Conversation.inbox_list(view="all", search=nonsense)

    def test_partner_is_found_or_created(self):
        """The customer is found by address; created only when the company wants it and a person wrote."""
        known = self.env["res.partner"].create({"name": "Anna", "email": "Anna@Client.com"})
        self.assertEqual(self.store({}).conversation_id.partner_id, known)
        self.assertFalse(self.store({"sender": "new@person.fr"}).conversation_id.partner_id)
        self.company.inbox_create_partners = True
        created = self.store({"sender": "new2@person.fr", "author": "Zoé <new2@person.fr>"}).conversation_id.partner_id
        self.assertEqual((created.name, created.email, created.company_id), ("Zoé", "new2@person.fr", self.company))
        self.assertFalse(self.store({"sender": "no-reply@robot.fr"}).conversation_id.partner_id)
        self.assertFalse(
            self.store(
                {"sender": "forged@person.fr", "headers": "Authentication-Results: x; dmarc=fail"}
            ).conversation_id.partner_id
        )

    def test_link_and_copy_to_chatter(self):
        """A conversation is linked to a record and its mails copied to the chatter, once, without notification."""
        partner = self.env["res.partner"].create({"name": "P"})
        messages = self.store({"mid": "<q@client.com>", "body_html": "<p>Bonjour <b>vous</b></p>"})
        self.user.group_ids |= self.env.ref("base.group_partner_manager")
        for _time in range(2):
            self.env["inbox.link.wizard"].with_user(self.user).create(
                {
                    "conversation_id": messages.conversation_id.id,
                    "record": f"res.partner,{partner.id}",
                    "copy_emails": True,
                }
            ).action_link()
        copied = partner.message_ids.filtered(lambda m: m.message_id == "<q@client.com>")
        self.assertEqual(len(copied), 1)
        self.assertIn("<b>vous</b>", copied.body)
        self.assertEqual(messages.conversation_id.link_ids.record_name, "P")

    def test_an_invitation_is_a_card(self):
        """Date in the reader's words, place, organiser; a person puts it into the calendar; nonsense is no card."""
        invitation = INVITATION.encode()
        files = [
            Part("invite.ics", "text/calendar", len(data), data)
            for data in (invitation, b"BEGIN:VCALENDAR\r\nnonsense")
        ]
        for file, expected in zip(files, (True, False), strict=True):
            message = self.store({"attachments": (file,), "sender": f"x{expected}@y.fr"})
            card = message.with_user(self.user)._reader_values(with_body=True)["invitation"]
            self.assertEqual(bool(card), expected)
        message = self.env["inbox.message"].search([("from_address", "=", "xTrue@y.fr")]).with_user(self.user)
        card = message._invitation_values()
        self.assertEqual((card["method"], card["summary"]), ("request", "Visite du chantier"))
        self.assertEqual((card["start"], card["end"]), ("2026-12-01 08:30:00", "2026-12-01 09:30:00"))
        self.assertEqual((card["location"], card["organiser"]), ("12 rue du Port, Nantes", "Anna Client"))
        if "calendar.event" in self.env:
            defaults = message.action_add_to_calendar()["context"]
            self.assertEqual((defaults["default_start"], defaults["default_name"]), (card["start"], card["summary"]))
        else:
            with self.assertRaises(UserError):
                message.action_add_to_calendar()

    def test_an_invitation_is_answered(self):
        """Two people of the company: what the organiser gets is a REPLY that his calendar takes; it can be undone."""
        file = Part("invite.ics", "text/calendar", len(INVITATION), INVITATION.encode())
        first, second, none = self.store(
            {"attachments": (file,)}, {"attachments": (file,), "folder": "sent"}, {"sender": "z@y.fr"}
        )
        for message, answer in ((second, "accepted"), (none, "accepted"), (first, "perhaps")):
            with self.assertRaises(UserError):
                message.with_user(self.user).action_answer_invitation(answer)
        message = first.with_user(self.user)
        self.assertTrue(message._invitation_values()["can_answer"])
        for answer in ("tentative", "accepted"):
            message.action_answer_invitation(answer)
            self.assertEqual(message._invitation_values()["answer"], answer)
        draft = self.env["inbox.outgoing"].search([("parent_id", "=", first.id)], limit=1)
        self.assertEqual((draft.state, draft.email_to, draft.author_id), ("scheduled", "anna@client.com", self.user))
        sent = message_from_bytes(base64.b64decode(draft.mail_id.raw))
        self.assertEqual(sent["In-Reply-To"], first.message_id_header or None)
        alternative, (calendar,) = sent.get_content_type(), [p for p in sent.walk() if p.get_param("method")]
        self.assertEqual((alternative, calendar.get_content_type()), ("multipart/alternative", "text/calendar"))
        self.assertEqual(calendar.get_param("method"), "REPLY")
        answered = calendar.get_payload(decode=True).decode().replace("\r\n ", "")
        self.assertIn("ATTENDEE;CN=Contact;PARTSTAT=ACCEPTED:mailto:contact@atelier.fr", answered)
        draft.with_user(self.user).action_cancel()
        self.assertEqual(message._invitation_values()["answer"], "tentative")

    def test_a_long_mail_is_shown_in_parts(self):
        words = "<p>Bonjour</p>" * 40_000
        long, short = self.store({"body_html": words}, {"body_html": "<p>Bonjour</p>", "sender": "b@c.fr"})
        bodies = (long | short).with_user(self.user).inbox_bodies()
        self.assertEqual([bodies[message.id]["is_cut"] for message in (long, short)], [True, False])
        self.assertLess(len(bodies[long.id]["visible"]), len(words))
        whole = long.with_user(self.user).inbox_bodies(whole=True)[long.id]
        self.assertEqual((whole["is_cut"], len(whole["visible"])), (False, len(words)))

    def test_follow_up_and_task(self):
        """A follow-up is an activity; a task needs Project and says so."""
        conversation = self.store({}).conversation_id.with_user(self.user)
        action = conversation.action_follow_up()
        wizard = self.env[action["res_model"]].with_user(self.user).with_context(action["context"]).create({})
        wizard.action_schedule_activities()
        conversation.invalidate_recordset()
        self.assertEqual(conversation.activity_ids.user_id, self.user)
        if "project.task" in self.env:
            self.user.group_ids |= self.env.ref("project.group_project_user")
            action = conversation.action_create_task()
            self.assertEqual(conversation.link_ids.res_id, action["res_id"])
        else:
            with self.assertRaises(UserError):
                conversation.action_create_task()

    def test_refusals(self):
        """What follows from the mailbox is not written by people; other companies' folders are refused."""
        conversation = self.store({}).conversation_id
        other = self.env["res.company"].create({"name": "Other"})
        for values in ({"company_id": other.id}, {"owner_id": self.user.id}, {"suspected_thread_id": conversation.id}):
            with self.assertRaises(AccessError):
                conversation.with_user(self.user).write(values)
        foreign = self.env["inbox.category"].create({"name": "F", "company_id": other.id})
        with self.assertRaises(ValidationError):
            conversation.category_id = foreign
        with self.assertRaises(UserError):
            conversation.with_user(self.user).inbox_update({"subject": "x"})
        with self.assertRaises(UserError):
            conversation.with_user(self.user).inbox_note("  ")

    def test_spam_folder_and_newsletter_views(self):
        """What the server filed as spam is in that view only; a newsletter stays out of the inbox."""
        spam = self.store({"folder": "junk", "sender": "s@s.com"}).conversation_id
        letter = self.store({"sender": "n@n.com", "headers": "List-Unsubscribe: <x>"}).conversation_id
        Conversation = self.env["inbox.conversation"].with_user(self.user)
        listed = {
            view: {row["id"] for row in Conversation.inbox_list(view=view)["records"]}
            for view in Conversation.env["inbox.reader"]._view_domains()
        }
        self.assertIn(spam.id, listed["spam"])
        self.assertFalse({spam.id, letter.id} & listed["inbox"])
        self.assertIn(letter.id, listed["newsletters"])

    def test_queries_of_a_batch(self):
        """Storing 200 mails stays far under 0.2 queries a mail."""
        mails = [
            {"mid": f"<b{n}@client.com>", "sender": f"c{n % 50}@client.com", "subject": f"Sujet {n}"}
            for n in range(200)
        ]
        before = self.env.cr.sql_log_count
        self.store(*mails)
        self.assertLess(self.env.cr.sql_log_count - before, 40)

    def test_a_first_sync_is_indexed_in_the_background(self):
        """A big batch is searchable after the cron, and the cron leaves nothing behind."""
        self.store(*({"subject": f"Chapitre {n}", "sender": f"c{n}@c.fr"} for n in range(70)))
        Conversation = self.env["inbox.conversation"].with_user(self.user)
        self._run_cron("lokario_inbox.ir_cron_search_index")
        self.assertEqual(len(Conversation.inbox_list(view="all", search="chapitres", limit=100)["records"]), 70)

    def test_retention(self):
        """Contents fall due after their days, expunged ones after a year; who, when and subject stay."""
        old, fresh, gone = self.store(
            {"date": fields.Datetime.now() - timedelta(days=400), "body": "secret plan", "subject": "Old plan"},
            {"body": "fresh plan", "sender": "b@b.fr", "subject": "Fresh plan"},
            {"sender": "c@c.fr", "subject": "Gone"},
        )
        gone.deleted_at = fields.Datetime.now() - timedelta(days=500)
        attachment = self.env["inbox.attachment"].create(
            {"integration_id": self.mailbox.id, "message_id": old.id, "name": "a.pdf", "content": b"QQ=="}
        )
        self.env["inbox.message"]._gc_contents()
        self.assertEqual(old.body_text, "secret plan", "0 days keeps everything")
        self.mailbox.retention_days = 365
        self.env["inbox.message"]._gc_contents()
        self.env["inbox.message"]._gc_expunged()
        self.assertFalse(old.body_text or attachment.content or old.headers)
        self.assertEqual((old.subject, fresh.body_text, gone.exists()), ("Old plan", "fresh plan", gone.browse()))
        Conversation = self.env["inbox.conversation"].with_user(self.user)
        self.assertFalse(Conversation.inbox_list(view="all", search="secret")["records"])
        self.assertTrue(Conversation.inbox_list(view="all", search="subject:old")["records"])

    def test_retention_and_departure_leave_no_file_behind(self):
        """A downloaded file goes with its mail: by the policy's days, or with everything when the owner leaves."""
        old, fresh = self.store(
            {"date": fields.Datetime.now() - timedelta(days=400), "subject": "Old"},
            {"sender": "b@b.fr", "subject": "Fresh"},
        )
        files = self.env["ir.attachment"]
        for message in (old, fresh):
            part = self.env["inbox.attachment"].create(
                {"integration_id": self.mailbox.id, "message_id": message.id, "name": "a.pdf"}
            )
            part.attachment_id = files.create(
                {"name": "a.pdf", "raw": b"x", "res_model": part._name, "res_id": part.id}
            )
            files |= part.attachment_id
        self.mailbox.retention_days = 365
        self.env["inbox.message"]._gc_contents()
        self.assertEqual(files.exists(), files[1], "only what is old enough")
        self.mailbox._purge_mail()
        kept = [(model, [("integration_id", "=", self.mailbox.id)]) for model in ("inbox.message", "inbox.attachment")]
        self.assertFalse([model for model, domain in kept if self.env[model].search_count(domain)])
        self.assertFalse(files.exists())
        self.assertFalse(self.mailbox.active)

    def test_retention_reaches_the_quarantine(self):
        """A mail that nobody could read is erased like the others; lost at the server, its trace goes after a year."""
        long_ago = fields.Datetime.now() - timedelta(days=400)
        common = {"integration_id": self.mailbox.id, "folder_id": self.mailbox.folder_ids[0].id, "uidvalidity": "1"}
        old, fresh, gone = self.env["inbox.quarantine"].create(
            [
                {**common, "uid": uid, "reason": "nested", "raw": b"QQ==", "received_at": received, "state": state}
                for uid, received, state in (
                    (1, long_ago, "quarantined"),
                    (2, fields.Datetime.now(), "quarantined"),
                    (3, fields.Datetime.now(), "gone"),
                )
            ]
        )
        self.env.flush_all()
        self.env.cr.execute("UPDATE inbox_quarantine SET write_date = %s WHERE id = %s", [long_ago, gone.id])
        self.mailbox.retention_days = 365
        self.env["inbox.quarantine"]._gc_raw()
        self.assertEqual((old.raw, bool(fresh.raw), gone.exists()), (False, True, gone.browse()))

    def test_hostile_headers_are_stored(self):
        """Endless identifiers, subjects and recipients neither break the batch nor the next mail."""
        endless = f"<{'x' * 9000}@y>"
        messages = self.store(
            {"mid": endless, "subject": "é" * 300_000, "sender": "a@a.fr"},
            {
                "refs": [endless] * 3,
                "subject": "",
                "sender": "a@a.fr",
                "email_to": ", ".join(f"p{n}@p.fr" for n in range(3000)),
            },
            {"mid": "", "refs": ["<", ">", "<>", "<a b>"], "sender": "", "author": "", "email_to": ""},
            {"subject": "ordinary", "sender": "b@b.fr"},
        )
        self.assertTrue(all(message.conversation_id for message in messages))
        self.assertEqual(messages[0].conversation_id, messages[1].conversation_id)
        for conversation in messages.conversation_id.with_user(self.user):
            conversation.inbox_open()
