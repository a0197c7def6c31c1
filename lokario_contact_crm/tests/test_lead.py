from odoo import http
from odoo.tests import HttpCase, new_test_user, tagged

MESSAGE = {"name": "Zoé Client", "email": "zoe@example.org", "company": "SARL Été", "message": "Un devis <b>?</b>"}


@tagged("post_install", "-at_install")
class TestLead(HttpCase):
    def setUp(self):
        super().setUp()
        self.env["lokario.rate.limit"].search([]).unlink()
        self.company = self.env.ref("base.main_company")
        self.company.email = "contact@alpha.test"
        self.company.partner_id.lang = "en_US"
        self.authenticate(None, None)

    def post(self, **changed):
        data = {**MESSAGE, **changed, "csrf_token": http.Request.csrf_token(self)}
        self.assertEqual(self.url_open("/contact", data=data).status_code, 200)
        return self.env["crm.lead"].search([("email_from", "=", data["email"])])

    def test_a_message_is_a_lead_of_the_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        for with_leads, kind in ((False, "opportunity"), (True, "lead")):
            self.env["res.config.settings"].create({"group_use_lead": with_leads}).execute()
            lead = self.post(email=f"{kind}@example.org")
            self.assertEqual((lead.type, lead.company_id, lead.user_id.id), (kind, self.company, False))
            if "iap_enrich_done" in lead:
                self.assertTrue(lead.iap_enrich_done, "the visitor's address goes to no third party")
            self.assertEqual((lead.contact_name, lead.partner_name), ("Zoé Client", "SARL Été"))
            self.assertIn("Un devis &lt;b&gt;?", lead.description)
        groups = "sales_team.group_sale_salesman_all_leads"
        here = new_test_user(self.env, "sales-here", groups)
        there = new_test_user(self.env, "sales-there", groups, company_id=other.id, company_ids=other.ids)
        self.assertIn(lead, lead.with_user(here).search([]))
        self.assertNotIn(lead, lead.with_user(there).search([]))

    def test_a_company_that_wants_none(self):
        self.company.contact_creates_lead = False
        self.assertFalse(self.post())
        mails = self.env["mail.mail"].search([("subject", "like", "Contact form"), ("state", "=", "outgoing")])
        self.assertEqual(mails.email_to, "contact@alpha.test")
