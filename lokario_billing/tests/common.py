from contextlib import contextmanager, nullcontext
from datetime import timedelta
from email import message_from_bytes, policy
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.tests import Form, HttpCase
from odoo.tests.common import get_db_name

from lokario_testing.environments.mail import SmtpServer
from odoo.addons.account.models.chart_template import AccountChartTemplate
from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.base.models.ir_mail_server import IrMail_Server

_work_out_charts = AccountChartTemplate._get_chart_template_mapping
_charts = {}
OPENED = ("company_1_data", "Belge SA")  # companies whose charts of accounts stay for all classes


def _known_charts(charts, get_all=False):
    """Odoo works out the charts of all countries again whenever its caches were emptied: a second for each company."""
    if get_all not in _charts:
        _charts[get_all] = _work_out_charts(charts, get_all)
    return _charts[get_all]


def open_books(context):
    """A chart of accounts takes longer than most tests: it is loaded once for each of these companies."""
    with Registry(get_db_name()).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, context)
        known = env["res.company"].search([("name", "in", OPENED)]).mapped("name")
        charts = env["account.chart.template"]
        for name in sorted({*OPENED} - {*known}):
            company = env["res.company"].create({"name": name})
            chart = charts._guess_chart_template(company.country_id)
            charts.try_loading(chart, company=company, install_demo=False)
            company.account_fiscal_country_id = company.account_fiscal_country_id or env.ref("base.us")


class BillingCase(AccountTestInvoicingCommon):
    """A company with automatic follow-ups, customers, and a real SMTP server on loopback."""

    @classmethod
    def get_default_groups(cls):
        return (
            super().get_default_groups()
            | cls.env.ref("lokario_billing.group_lokario_billing_manager")
            | cls.env.ref("sales_team.group_sale_manager")
        )

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(patch.object(AccountChartTemplate, "_get_chart_template_mapping", _known_charts))
        open_books(cls.default_env_context())
        super().setUpClass()
        cls.company = cls.env.company
        cls.company.write(
            {
                "email": "contact@alpha.test",
                "followup_enabled": True,
                "followup_days": "all",
                "followup_holidays": False,
                "followup_opens": 0.0,
                "followup_closes": 23.999,
                "followup_approved_at": fields.Datetime.now(),
                "country_id": cls.env.ref("base.fr").id,
            }
        )
        cls.company.partner_id.lang = cls.env.user.lang = "en_US"
        cls.env.ref("base.user_root").sudo().tz = "UTC"  # of companies that have none: tests count from Date.today()
        cls.env["ir.mail_server"].search([]).active = False
        cls.customer = cls.env["res.partner"].create(
            {
                "name": "Bêta SARL",
                "email": "compta@beta.test",
                "is_company": True,
                "lang": "en_US",
            }
        )
        cls.smtp = cls.enterClassContext(SmtpServer())
        cls.server = cls.env["ir.mail_server"].create(
            {
                "name": "Loopback",
                "smtp_host": "127.0.0.1",
                "smtp_port": cls.smtp.port,
                "smtp_encryption": "none",
            }
        )
        cls.cron = cls.env.ref("lokario_billing.ir_cron_process_followups")

    @classmethod
    def _create_company(cls, **values):
        opened = cls.env["res.company"].sudo().search([("name", "=", values.get("name")), ("name", "in", OPENED)])
        if not opened:
            return super()._create_company(**values)
        cls.env.user.company_ids = [Command.link(opened.id)]
        opened.write(values)
        return opened.sudo(False)

    def setUp(self):
        super().setUp()
        self.smtp.received.clear()

    def invoice(self, days_late=10, amount=100.0, partner=None, **values):
        """Return an invoice that was sent, and fell due `days_late` days ago."""
        due = fields.Date.today() - timedelta(days=days_late)
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or self.customer).id,
                "invoice_date": due - timedelta(days=30),
                "invoice_date_due": due,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Work",
                            "quantity": 1,
                            "price_unit": amount,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
                **values,
            }
        )
        move.action_post()
        move.is_move_sent = True
        return move

    def pay(self, move, amount=None):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=move.ids)
        wizard.create({"amount": amount} if amount else {})._create_payments()

    @contextmanager
    def sending(self):
        """Let mails really leave, to the loopback server."""
        with patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)):
            yield

    def committing(self):
        """A place where jobs may commit; an HttpCase is one already."""
        return nullcontext() if isinstance(self, HttpCase) else self.enter_registry_test_mode()

    def run_cron(self):
        with self.sending(), self.committing():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()

    def mails(self):
        """Return the mails the server has accepted, parsed."""
        return [message_from_bytes(raw, policy=policy.default) for _sender, _to, raw, _login in self.smtp.received]

    def started(self, record):
        """Press "Follow up" and save the form that opens."""
        action = record.action_open_followup()
        self.assertFalse(action["res_id"])
        with Form(self.env["lokario.followup"].with_context(**action["context"])) as form:
            if not form.partner_id:
                form.partner_id = self.customer
        followup = form.record
        self.assertEqual(record.action_open_followup()["res_id"], followup.id)
        return followup

    def followup(self, document):
        return document.followup_ids
