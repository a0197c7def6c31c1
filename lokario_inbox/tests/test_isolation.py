import base64
import inspect
import json

from odoo import Command
from odoo.exceptions import AccessDenied, AccessError, MissingError, UserError
from odoo.http import Request
from odoo.models import BaseModel
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.http_routing.tests.common import MockRequest

from .conversation_common import ConversationCase

COMPANIES = 5
CANARY = "canarywords"
PATIENCE = 60  # seconds for an answer of a machine that does other things, too
REFUSALS = (AccessError, AccessDenied, MissingError)
# What a person would send to the public methods that ask for something.
ARGUMENTS = {
    "inbox_update": [{"is_urgent": True}],
    "inbox_snooze": ["2030-01-01 00:00:00"],
    "inbox_note": ["a note"],
    "action_answer_invitation": ["accepted"],
}


@tagged("post_install", "-at_install")
class TestIsolation(ConversationCase, HttpCase):
    """Five companies, each with a shared and a private mailbox: nobody reads what is not his.

    The cases are generated: every model of the addon, every way to read, every public method.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.companies = cls.env["res.company"].create([{"name": f"Access {n}"} for n in range(COMPANIES)])
        cls.people, cls.conversations = {}, {}
        for company in cls.companies:
            cls.people[company] = [cls._person(company, kind) for kind in ("user", "owner", "manager")]
            cls._fill(company)
        cls.env.flush_all()

    @classmethod
    def _person(cls, company, kind):
        group = "manager" if kind == "manager" else "user"
        return new_test_user(
            cls.env,
            f"{kind}_{company.id}",
            groups=f"lokario_inbox.group_lokario_inbox_{group},base.group_allow_export",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    @classmethod
    def _fill(cls, company):
        owner = cls.people[company][1]
        shared = cls.make_mailbox(company, f"shared{company.id}@x.fr")
        private = cls.make_mailbox(company, f"private{company.id}@x.fr", visibility="private", user_id=owner.id)
        for mailbox in (shared, private):
            cls.conversations[mailbox] = cls._fill_mailbox(mailbox, owner)
        values = {"name": cls._word(shared), "company_id": company.id}
        cls.env["inbox.category"].create(values)
        cls.env["inbox.tag"].create(values)
        cls.env["inbox.rule"].create({**values, "condition_ids": [Command.create({"value": cls._word(shared)})]})

    @staticmethod
    def _word(mailbox):
        return f"{CANARY}{mailbox.id}x"

    @classmethod
    def _fill_mailbox(cls, mailbox, owner):
        text = cls._word(mailbox)
        message = cls.store({"subject": text, "body": text, "sender": f"s{mailbox.id}@y.fr"}, mailbox=mailbox)
        conversation, place = message.conversation_id, {"integration_id": mailbox.id, "message_id": message.id}
        cls.env["inbox.attachment"].create({**place, "name": text, "content": base64.b64encode(text.encode())})
        part = cls.env["inbox.attachment"].create({**place, "name": text})
        part.attachment_id = cls.env["ir.attachment"].create(
            {"name": text, "raw": text.encode(), "res_model": part._name, "res_id": part.id}
        )
        cls.env["inbox.quarantine"].create(
            {
                "integration_id": mailbox.id,
                "folder_id": mailbox.folder_ids[0].id,
                "uidvalidity": "1",
                "uid": 9,
                "reason": text,
                "raw": base64.b64encode(text.encode()),
            }
        )
        cls.env["inbox.link"].create(
            {"conversation_id": conversation.id, "res_model": "res.partner", "res_id": owner.partner_id.id}
        )
        conversation.message_post(body=text)
        return conversation

    def _models(self):
        return [
            self.env[name]
            for name in sorted(self.env.registry)
            if name.startswith("inbox.") and not self.env[name]._abstract
        ]

    def _belongs(self, record):
        """Return (company, private owner) of a record of the addon, as superuser."""
        record = record.sudo()
        for path in ("", "integration_id", "conversation_id", "message_id", "rule_id", "folder_id"):
            if path and path not in record._fields:
                continue
            holder = record[path] if path else record
            if "company_id" in holder._fields and holder.company_id:
                owner = holder.owner_id if "owner_id" in holder._fields else self.env["res.users"]
                return holder.company_id, owner
        return None, None

    def _is_foreign(self, record, user):
        company, owner = self._belongs(record)
        if not company:
            return False
        return company not in user.company_ids or bool(owner and owner != user)

    def test_reading_by_every_door(self):
        """search, count, groups, names, read and export show each person his own records only."""
        foreign_seen = 0
        for model in self._models():
            everything = model.sudo().with_context(active_test=False).search([])
            for company in self.companies:
                for user in self.people[company]:
                    foreign = everything.filtered(lambda r, u=user: self._is_foreign(r, u))
                    foreign_seen += len(foreign)
                    with self.subTest(model=model._name, user=user.login):
                        self._check_doors(model.with_user(user).with_context(active_test=False), foreign)
        self.assertGreater(foreign_seen, 1000, "the test must have something to hide")

    def _check_doors(self, model, foreign):
        if not model.has_access("read"):
            return
        seen = model.search([])
        self.assertFalse(set(seen.ids) & set(foreign.ids), f"{model._name}: search")
        self.assertEqual(model.search_count([("id", "in", foreign.ids)]), 0)
        self.assertFalse(model._read_group([("id", "in", foreign.ids)], [], ["__count"])[0][0])
        self.assertFalse(model.formatted_read_group([("id", "in", foreign.ids)], ["create_uid"], ["__count"]))
        self.assertFalse({i for i, _n in model.name_search("", limit=None)} & set(foreign.ids))
        self.assertFalse(model.search_read([("id", "in", foreign.ids)], ["id"]))
        for record in foreign[:3]:
            mine = model.browse(record.id)
            for read in (
                lambda r: r.read(["id", "create_date"]),
                lambda r: r.export_data(["id"]),
                lambda r: r.web_read({"id": {}}),
                lambda r: r.get_metadata(),
            ):
                self._refused(read, mine)

    def _refused(self, call, *args):
        """The call raises, or tells nothing."""
        try:
            with self.env.cr.savepoint(flush=False), mute_logger("odoo.models"):
                result = call(*args)
        except REFUSALS:
            return
        self.assertNotIn(CANARY, repr(result), "foreign content came back")
        if isinstance(result, list):
            self.assertFalse([row for row in result if isinstance(row, dict) and row.get("create_date")])

    def _public_methods(self, model):
        """Yield names of methods that RPC may call and that the addon defines or overrides."""
        for name, function in inspect.getmembers(type(model), inspect.isfunction):
            if name.startswith("_") or getattr(function, "_api_private", False):
                continue
            defined = any(
                name in vars(cls) and "lokario_inbox" in (cls.__module__ or "") for cls in type(model).__mro__
            )
            if defined and name not in vars(BaseModel):
                yield name

    def test_every_public_method(self):
        """On foreign records, every public method of every model refuses or tells nothing, and changes nothing."""
        victim_box = next(box for box in self.conversations if box.company_id == self.companies[0])
        private_box = next(b for b in self.conversations if b.company_id == self.companies[0] and b.owner_id)
        colleague = self.people[self.companies[0]][0]
        stranger = self.people[self.companies[1]][2]
        called = 0
        for box, user in ((victim_box, stranger), (private_box, stranger), (private_box, colleague)):
            for model in self._models():
                for record in self._records_of(model, box)[:1]:
                    for name in self._public_methods(model):
                        with self.subTest(model=model._name, method=name, user=user.login):
                            self._call_method(record, name, user, self._word(box))
                            called += 1
        self.assertGreater(called, 60)

    def _records_of(self, model, box):
        domain = {"inbox.integration": [("id", "=", box.id)]}.get(model._name)
        if domain is None and "integration_id" in model._fields:
            domain = [("integration_id", "=", box.id)]
        if domain is None and "conversation_id" in model._fields:
            domain = [("conversation_id.integration_id", "=", box.id)]
        return model.sudo().with_context(active_test=False).search(domain) if domain is not None else model.browse()

    def _call_method(self, record, name, user, secret):
        """Called with sensible arguments, it refuses; or it says and changes nothing. Nonsense proves nothing."""
        before, method = self._state_of(record), getattr(record.with_user(user), name)
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db", "odoo.models", "odoo.http"):
                result = method(*ARGUMENTS.get(name, ()))
                self.assertNotIn(secret, repr(result))
                self.env.flush_all()
                self.assertEqual(self._state_of(record), before, "a stranger changed the record")
                raise _Undo
        except (_Undo, *REFUSALS):
            return

    def _state_of(self, record):
        record.invalidate_recordset()
        names = [
            n
            for n, f in record._fields.items()
            if f.store and f.type not in ("one2many", "many2many", "binary") and n not in ("write_date", "write_uid")
        ]
        return record.sudo().read(names, load=None)

    def test_screens_show_no_foreign_mail(self):
        """The calls of the reader, as each person, never carry somebody else's words."""
        for company in self.companies:
            for user in self.people[company]:
                Conversation = self.env["inbox.conversation"].with_user(user)
                allowed = {
                    self._word(box)
                    for box in self.conversations
                    if box.company_id == company and box.owner_id in (self.env["res.users"], user)
                }
                shown = repr(Conversation.inbox_sidebar())
                for view in Conversation.env["inbox.reader"]._view_domains():
                    shown += repr(Conversation.inbox_list(view=view))
                shown += repr(Conversation.inbox_list(view="all", search=CANARY[:6]))
                foreign = {self._word(box) for box in self.conversations} - allowed
                self.assertFalse([word for word in foreign if word in shown], user.login)
                self.assertTrue([word for word in allowed if word in shown], user.login)

    def test_bus_channels(self):
        """A websocket hears the mailboxes that its user reads, and cannot name others."""
        for company in self.companies:
            for user in self.people[company]:
                asked = [f"inbox.{box.id}" for box in self.conversations]
                with self.subTest(user=user.login), MockRequest(self.env):
                    channels = self.env["ir.websocket"].with_user(user)._build_bus_channel_list(asked)
                    self.assertFalse([c for c in channels if isinstance(c, str) and c.startswith("inbox.")])
                    heard = {
                        c[0].id
                        for c in channels
                        if isinstance(c, tuple) and getattr(c[0], "_name", "") == "inbox.integration"
                    }
                    self.assertEqual(heard, {box.id for box in self.conversations if not self._is_foreign(box, user)})

    def test_files_and_exports_over_http(self):
        """/web/content, /web/image and the export answer with the words of one's own mailboxes only."""
        company = self.companies[0]
        for user in (*self.people[company][:2], self.people[self.companies[1]][2]):
            self.authenticate(user.login, user.login)
            for box in self.conversations:
                if box.company_id not in (company, self.companies[1]):
                    continue
                with self.subTest(user=user.login, box=box.name):
                    foreign = self._is_foreign(box, user)
                    for url in self._files_of(box):
                        answer = self.url_open(url, timeout=PATIENCE)
                        self.assertEqual(self._word(box) in answer.text, not foreign, url)
                        self.assertEqual(answer.status_code, 404 if foreign else 200, url)
                    self.assertEqual(self._word(box) in self._export(box), not foreign)

    def _files_of(self, box):
        parts = self.env["inbox.attachment"].search([("integration_id", "=", box.id)])
        quarantined = self.env["inbox.quarantine"].search([("integration_id", "=", box.id)])
        kept = parts.filtered("content")
        return [
            f"/web/content/inbox.attachment/{kept.id}/content",
            f"/web/content/{(parts - kept).attachment_id.id}",
            f"/web/content/inbox.quarantine/{quarantined.id}/raw",
        ]

    def _export(self, box):
        data = {
            "model": "inbox.message",
            "fields": [{"name": "subject", "label": "Subject", "type": "char"}],
            "ids": self.env["inbox.message"].search([("integration_id", "=", box.id)]).ids,
            "domain": [],
            "groupby": [],
            "context": {},
            "import_compat": False,
        }
        with mute_logger("odoo.http", "odoo.addons.web.controllers.export"):
            form = {"data": json.dumps(data), "csrf_token": Request.csrf_token(self)}
            return self.url_open("/web/export/csv", form, timeout=PATIENCE).text

    def test_notes_follow_the_conversation(self):
        """Chatter notes of a private mailbox are hidden from colleagues and other companies."""
        private = next(box for box in self.conversations if box.owner_id)
        conversation = self.conversations[private]
        note = conversation.message_ids[:1]
        for user in (self.people[private.company_id][0], self.people[self.companies[4]][2]):
            self.assertFalse(self.env["mail.message"].with_user(user).search([("id", "=", note.id)]))
            with self.assertRaises(AccessError):
                note.with_user(user).read(["body"])
            with self.assertRaises(AccessError):
                conversation.with_user(user).message_post(body="x")

    def test_spoofed_values(self):
        """Nobody makes a conversation, rule or link that reaches into another company."""
        foreign_box = next(b for b in self.conversations if b.company_id == self.companies[0])
        user = self.people[self.companies[3]][2]
        env = self.env(user=user)
        for model, values in (
            ("inbox.conversation", {"integration_id": foreign_box.id, "subject": "x"}),
            ("inbox.rule", {"name": "x", "company_id": self.companies[0].id}),
            ("inbox.category", {"name": "x", "company_id": self.companies[0].id}),
            ("inbox.tag", {"name": "x", "company_id": self.companies[0].id}),
            (
                "inbox.link",
                {
                    "conversation_id": self.conversations[foreign_box].id,
                    "res_model": "res.partner",
                    "res_id": user.partner_id.id,
                },
            ),
        ):
            with self.subTest(model=model), self.assertRaises(UserError), self.env.cr.savepoint():
                env[model].create(values)
                env.flush_all()


class _Undo(Exception):
    """Take back what a call that should change nothing may have changed."""
