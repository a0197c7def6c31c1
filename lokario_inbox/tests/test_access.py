import inspect

from odoo import Command
from odoo.exceptions import AccessDenied, AccessError, MissingError, UserError
from odoo.models import BaseModel
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.http_routing.tests.common import MockRequest

from .conversation_common import ConversationCase

CANARY = "canarywords"
REFUSALS = (AccessError, AccessDenied, MissingError)


@tagged("post_install", "-at_install")
class TestAccess(ConversationCase):
    """Five companies, each with a shared and a private mailbox: nobody reads what is not his.

    The cases are generated: every model of the addon, every way to read, every public method.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.companies = cls.env["res.company"].create([{"name": f"Access {n}"} for n in range(5)])
        cls.people, cls.records = {}, {}
        for company in cls.companies:
            cls.people[company] = [
                cls._person(company, "user"),
                cls._person(company, "owner"),
                cls._person(company, "manager"),
            ]
            cls._fill(company)

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
            text = f"{CANARY}{mailbox.id}x"
            message = cls.store({"subject": text, "body": text, "sender": f"s{mailbox.id}@y.fr"}, mailbox=mailbox)
            conversation = message.conversation_id
            cls.env["inbox.attachment"].create(
                {"integration_id": mailbox.id, "message_id": message.id, "name": text, "content": b"QQ=="}
            )
            cls.env["inbox.quarantine"].create(
                {
                    "integration_id": mailbox.id,
                    "folder_id": mailbox.folder_ids[0].id,
                    "uidvalidity": "1",
                    "uid": 9,
                    "reason": text,
                }
            )
            cls.env["inbox.link"].create(
                {"conversation_id": conversation.id, "res_model": "res.partner", "res_id": owner.partner_id.id}
            )
            conversation.message_post(body=text)
            cls.records[mailbox] = conversation
        cls.env["inbox.category"].create({"name": f"{CANARY}{shared.id}x", "company_id": company.id})
        cls.env["inbox.tag"].create({"name": f"{CANARY}{shared.id}x", "company_id": company.id})
        cls.env["inbox.rule"].create(
            {
                "name": f"{CANARY}{shared.id}x",
                "company_id": company.id,
                "condition_ids": [Command.create({"value": f"{CANARY}{shared.id}x"})],
            }
        )

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
        victim_box = next(box for box in self.records if box.company_id == self.companies[0])
        private_box = next(b for b in self.records if b.company_id == self.companies[0] and b.owner_id)
        colleague = self.people[self.companies[0]][0]
        stranger = self.people[self.companies[1]][2]
        called = 0
        for box, user in ((victim_box, stranger), (private_box, stranger), (private_box, colleague)):
            for model in self._models():
                for record in self._records_of(model, box)[:1]:
                    for name in self._public_methods(model):
                        with self.subTest(model=model._name, method=name, user=user.login):
                            self._call_method(record, name, user, f"{CANARY}{box.id}x")
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
        mine = record.with_user(user)
        before = self._state_of(record)
        method = getattr(mine, name)
        required = [
            p
            for p in inspect.signature(method).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        arguments = [{} if p.name in ("values", "vals") else [] if p.name.endswith("s") else "x" for p in required]
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db", "odoo.models", "odoo.http"):
                result = method(*arguments)
                self.assertNotIn(secret, repr(result))
                self.env.flush_all()
                self.assertEqual(self._state_of(record), before, "a stranger changed the record")
                raise _Undo
        except (_Undo, *REFUSALS, UserError):
            return
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            return  # our nonsense arguments were refused

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
                    f"{CANARY}{box.id}x"
                    for box in self.records
                    if box.company_id == company and box.owner_id in (self.env["res.users"], user)
                }
                shown = repr(Conversation.inbox_sidebar())
                for view in Conversation._view_domains():
                    shown += repr(Conversation.inbox_list(view=view))
                shown += repr(Conversation.inbox_list(view="all", search=CANARY[:6]))
                foreign = {f"{CANARY}{box.id}x" for box in self.records} - allowed
                self.assertFalse([word for word in foreign if word in shown], user.login)
                self.assertTrue([word for word in allowed if word in shown], user.login)

    def test_bus_channels(self):
        """A websocket hears the mailboxes of its user, and cannot name others."""
        company = self.companies[2]
        user = self.people[company][0]
        with MockRequest(self.env):
            channels = self.env["ir.websocket"].with_user(user)._build_bus_channel_list([f"inbox.{self.mailbox.id}"])
        self.assertFalse([c for c in channels if isinstance(c, str) and c.startswith("inbox.")])
        boxes = {c[0] for c in channels if isinstance(c, tuple) and getattr(c[0], "_name", "") == "inbox.integration"}
        self.assertEqual([box.company_id for box in boxes], [company])
        self.assertFalse({box for box in boxes if box.sudo().owner_id})

    def test_notes_and_files_follow_the_conversation(self):
        """Chatter notes and attachments of a private mailbox are hidden from colleagues and other companies."""
        private = next(b for b in self.records if b.owner_id)
        conversation = self.records[private]
        note = conversation.message_ids[:1]
        outsiders = (self.people[private.company_id][0], self.people[self.companies[4]][2])
        for user in outsiders:
            self.assertFalse(self.env["mail.message"].with_user(user).search([("id", "=", note.id)]))
            with self.assertRaises(AccessError):
                note.with_user(user).read(["body"])
            with self.assertRaises(AccessError):
                conversation.with_user(user).message_post(body="x")

    def test_spoofed_values(self):
        """Nobody makes a conversation, rule or link that reaches into another company."""
        foreign_box = next(b for b in self.records if b.company_id == self.companies[0])
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
                    "conversation_id": self.records[foreign_box].id,
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
