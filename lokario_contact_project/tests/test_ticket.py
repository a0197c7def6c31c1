from odoo import http
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

MESSAGE = {"name": "Zoé Client", "email": "zoe@example.org", "company": "SARL Été", "message": "Une panne <b>!</b>"}


@tagged("post_install", "-at_install")
class TestTicket(HttpCase):
    def setUp(self):
        super().setUp()
        self.env["lokario.rate.limit"].search([]).unlink()
        self.company = self.env.ref("base.main_company")
        self.company.email = "contact@alpha.test"
        self.company.partner_id.lang = "en_US"
        projects = self.env["project.project"].create([{"name": name} for name in ("Support", "Other")])
        self.support, self.other = projects
        self.authenticate(None, None)

    def post(self):
        data = {**MESSAGE, "csrf_token": http.Request.csrf_token(self)}
        self.assertEqual(self.url_open("/contact", data=data).status_code, 200)
        return (self.support | self.other).task_ids

    def test_a_message_is_a_task_of_the_chosen_project(self):
        self.assertFalse(self.post(), "no project was chosen")
        self.company.contact_project_id = self.support
        task = self.post()
        self.assertEqual((task.project_id, task.name), (self.support, "Contact form: Zoé Client"))
        self.assertIn("zoe@example.org", task.email_from)
        self.assertIn("Une panne &lt;b&gt;!", task.description)
        self.assertFalse(task.user_ids, "the visitor on whose behalf the page runs works on nothing")

    def test_a_project_of_another_company_is_refused(self):
        second = self.env["res.company"].create({"name": "Second"})
        self.other.company_id = second
        with self.assertRaises(UserError):
            self.company.contact_project_id = self.other
