import os
from contextlib import nullcontext
from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user

SECRET = "0123456789abcdef0123456789abcdef-Aa"
CHECK = "/cron/check-overdue-and-reminders"
CHECKED = "Vérification des éléments en retard et des rappels terminée avec succès"


class ReminderMixin:
    """People of two companies, and the hourly check; for tests of the sources."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.french = cls.env.company
        cls.french.write({"email": "contact@alpha.test", "country_id": cls.env.ref("base.fr").id})
        cls.french.partner_id.lang = cls.env.user.lang = "en_US"
        cls.check = cls.env.ref("lokario_reminder.ir_cron_check_due")

    @classmethod
    def colleague(cls, login, groups, company=None):
        company = company or cls.french
        return new_test_user(
            cls.env,
            login,
            f"base.group_user,{groups}" if groups else "base.group_user",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
            email=f"{login}@alpha.test",
            lang="en_US",
        )

    @classmethod
    def colleagues(cls, groups, company=None):
        return [cls.colleague(f"{name}_{cls.__name__.lower()}", groups, company) for name in ("ann", "bea", "cid")]

    def run_check(self):
        with nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode():
            self.check.method_direct_trigger()
        self.env.invalidate_all()

    def notices(self, record):
        about_it = [("res_model", "=", record._name), ("res_id", "=", record.id)]
        return self.env["lokario.due.notice"].sudo().search(about_it)

    def digests(self, user):
        domain = [("partner_ids", "in", user.partner_id.ids), ("message_type", "=", "user_notification")]
        return self.env["mail.message"].sudo().search([*domain, ("body", "like", "<ul>")])

    def call(self, secret=SECRET, **options):
        """Run the check by its documented URL; return its status and message."""
        with patch.dict(os.environ, CRON_SECRET=SECRET):
            response = self.url_open(f"{CHECK}?secret={secret}", timeout=60, **options)
        self.env.invalidate_all()
        return response.status_code, response.json()["message"]
