import inspect
import json

from odoo.exceptions import AccessError, MissingError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger
from psycopg2 import Error as DatabaseError

COMPANIES = 5
READERS = (("read", ["display_name"]), ("export_data", ["display_name"]), ("web_read", {"display_name": {}}))
SKIPPED = ("create", "write", "unlink", "copy")  # access rights and rules are Odoo's there
OWNED = (
    "inbox.folder",
    "inbox.message",
    "inbox.placement",
    "inbox.attachment",
    "inbox.quarantine",
    "inbox.conversation",
)


@tagged("post_install", "-at_install")
class TestIsolation(TransactionCase):
    """Generated over every model and public method of the inbox: nobody reads foreign or private mail."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boxes, cls.readers = [], []
        for number in range(COMPANIES):
            company = cls.env["res.company"].create({"name": f"Société {number}"})
            groups = "base.group_user,base.group_allow_export,lokario_inbox.group_lokario_inbox_"
            owner, colleague, manager = (
                new_test_user(
                    cls.env,
                    f"{role}{number}",
                    groups + ("manager" if role == "manager" else "user"),
                    company_id=company.id,
                    company_ids=[(6, 0, company.ids)],
                )
                for role in ("owner", "colleague", "manager")
            )
            shared = cls._box(company, manager, "shared", f"MARK-S{number}")
            private = cls._box(company, owner, "private", f"MARK-P{number}")
            cls.readers += [(owner, shared | private), (colleague, shared), (manager, shared)]
        cls.env.flush_all()

    @classmethod
    def _box(cls, company, user, visibility, mark):
        box = cls.env["inbox.integration"].create(
            {
                "name": mark,
                "email_address": f"{mark}@a.test",
                "company_id": company.id,
                "user_id": user.id,
                "visibility": visibility,
                "email_password": f"{mark}-secret",
                "imap_host": "imap.example.com",
            }
        )
        folder = cls.env["inbox.folder"].create(
            {"integration_id": box.id, "path": mark, "name": mark, "uidvalidity": "1"}
        )
        common = {"integration_id": box.id, "company_id": company.id, "owner_id": box.owner_id.id}
        conversation = cls.env["inbox.conversation"].create({**common, "subject": mark})
        message = cls.env["inbox.message"].create(
            {
                **common,
                "identity": mark,
                "subject": mark,
                "body_text": mark,
                "preview": mark,
                "conversation_id": conversation.id,
                "from_address": f"{mark}@a.test",
            }
        )
        place = {"integration_id": box.id, "folder_id": folder.id, "uidvalidity": "1"}
        cls.env["inbox.placement"].create({**place, "message_id": message.id, "uid": 1})
        cls.env["inbox.quarantine"].create({**place, "uid": 2, "reason": mark})
        part = cls.env["inbox.attachment"].create({"integration_id": box.id, "message_id": message.id, "name": mark})
        part.attachment_id = cls.env["ir.attachment"].create(
            {
                "name": mark,
                "raw": mark.encode(),
                "res_model": "inbox.attachment",
                "res_id": part.id,
            }
        )
        conversation.message_post(body=mark)
        cls.boxes.append(box)
        return box

    def _models(self):
        """Every stored model of the inbox that belongs to a mailbox."""
        for name in self.env.registry:
            model = self.env[name]
            if name.startswith("inbox.") and not (model._abstract or model._transient):
                path = "id" if name == "inbox.integration" else "integration_id"
                if path in model._fields:
                    yield model, path

    def _foreign(self, model, path, boxes):
        others = self.env["inbox.integration"].browse([box.id for box in self.boxes]) - boxes
        return model.sudo().search([(path, "in", others.ids)])

    def test_models_are_covered(self):
        names = {model._name for model, _path in self._models()}
        self.assertLessEqual({"inbox.integration", *OWNED}, names)

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model", "odoo.models")
    def test_reading(self):
        for user, boxes in self.readers:
            for model, path in self._models():
                foreign = self._foreign(model, path, boxes)
                mine = model.with_user(user)
                if not mine.has_access("read"):
                    continue
                domain = [("id", "in", foreign.ids)]
                with self.subTest(user=user.login, model=model._name):
                    self.assertFalse(mine.search(domain))
                    self.assertEqual(mine.search_count(domain), 0)
                    self.assertEqual(
                        [row["__count"] for row in mine.formatted_read_group(domain, [], ["__count"])], [0]
                    )
                    self.assertFalse([row for row in mine.name_search("MARK") if row[0] in foreign.ids])
                    for method, argument in READERS if foreign else ():
                        self.env.invalidate_all()
                        with self.assertRaises(AccessError):
                            getattr(foreign.with_user(user), method)(argument)
                    if model._name in OWNED:
                        own = model.sudo().search([(path, "in", boxes.ids)])
                        self.assertEqual(mine.search([(path, "in", boxes.ids)]), own, "one's own mail is readable")

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model", "odoo.models")
    def test_files_and_notes(self):
        """Attachments and the notes in the chatter follow the mail they hang on."""
        for user, boxes in self.readers:
            others = [box for box in self.boxes if box not in boxes]
            marks = [box.name for box in others]
            files = self.env["ir.attachment"].search([("name", "in", marks)])
            notes = self.env["mail.message"].search([("model", "=", "inbox.conversation"), ("body", "like", "MARK")])
            foreign_notes = notes.filtered(lambda note, marks=marks: any(mark in note.body for mark in marks))
            with self.subTest(user=user.login):
                self.assertFalse(files.with_user(user).search([("id", "in", files.ids)]))
                self.assertFalse(self.env["mail.message"].with_user(user).search([("id", "in", foreign_notes.ids)]))
                self.env.invalidate_all()
                with self.assertRaises(AccessError):
                    files.with_user(user).read(["raw"])

    @mute_logger(
        "odoo.addons.base.models.ir_rule",
        "odoo.addons.base.models.ir_model",
        "odoo.models",
        "odoo.sql_db",
        "odoo.addons.lokario_inbox",
    )
    def test_public_methods(self):
        """No public method, called with foreign ids, hands out what they hold."""
        called = 0
        for user, boxes in self.readers[:3]:
            marks = [box.name for box in self.boxes if box not in boxes]
            for model, path in self._models():
                foreign = self._foreign(model, path, boxes)
                for name in self._public_methods(model):
                    called += 1
                    with self.subTest(user=user.login, model=model._name, method=name):
                        self._call(model.with_user(user), foreign.with_user(user), name, marks)
        self.assertGreater(called, 30)

    def _public_methods(self, model):
        for name in sorted(dir(type(model))):
            method = getattr(type(model), name)
            ours = inspect.isfunction(method) and any(
                name in vars(base) and base.__module__.startswith("odoo.addons.lokario_inbox")
                for base in type(model).__mro__
            )
            private = name.startswith("_") or getattr(method, "_api_private", False)
            if ours and not private and name not in SKIPPED:
                yield name

    def _call(self, model, foreign, name, marks):
        for records in (foreign, model):
            arguments = self._arguments(getattr(type(model), name), foreign)
            self.env.invalidate_all()
            try:
                with self.env.cr.savepoint():
                    result = json.dumps(getattr(records, name)(*arguments), default=str)
                    self.assertFalse([mark for mark in marks if mark in result])
                    raise _Undo
            except (
                _Undo,
                AccessError,
                MissingError,
                UserError,
                DatabaseError,
                TypeError,
                ValueError,
                KeyError,
                AttributeError,
            ):
                continue

    def _arguments(self, method, foreign):
        arguments = []
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.default is not parameter.empty or parameter.kind in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            ):
                continue
            name = parameter.name
            arguments.append(
                foreign.ids
                if name.endswith("ids")
                else foreign.ids[0]
                if name.endswith("id") and foreign
                else []
                if "domain" in name
                else {}
                if "vals" in name
                else "MARK"
            )
        return arguments


class _Undo(Exception):
    """Take back what a method did."""
