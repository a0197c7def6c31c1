from odoo.exceptions import ValidationError
from odoo.tests import Form, new_test_user, tagged

from odoo.addons.email_engine_bridge.tests.common import EngineCase

from .common import CampaignCommon

MJML = """<mjml lang="fr"><mj-body><mj-section><mj-column>
<mj-text>Bonjour {{ first_name }} de {{ city }}</mj-text>
</mj-column></mj-section></mj-body></mjml>"""


@tagged("post_install", "-at_install")
class TestTemplates(CampaignCommon, EngineCase):
    """Templates of two tenants, as somebody who works with them writes them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.setUpCampaigns()
        cls.user = new_test_user(
            cls.env, "tina", groups="email_engine_bridge.group_email_engine_bridge_manager", name="Tina"
        )

    def _open(self, template=None):
        return Form((template or self.template).with_user(self.user))

    def test_mjml_becomes_the_html_that_is_sent(self):
        with self._open() as form:
            form.form = "mjml"
            self.assertIn("<mjml", form.mjml, "there is something to begin with")
            form.mjml = MJML
            self.assertIn("max-width:600px", form.html)
        self.assertIn("Bonjour {{ first_name }} de {{ city }}", self.template.html)
        self.assertEqual((self.template.version, self.template.variables), (2, "first_name, city"))

    def test_a_mistake_in_mjml_is_named_by_its_line_and_changes_nothing(self):
        self.template.write({"form": "mjml", "mjml": MJML})
        sent = self.template.html
        for wrong, words in (
            (MJML.replace("</mj-text>", ""), "line 3, column 1"),
            (MJML.replace("{{ city }}", "{{ city"), "line 2"),
        ):
            form = self._open()
            form.mjml = wrong
            self.assertIn(words, form.error)
            with self.assertRaisesRegex(ValidationError, words), self.cr.savepoint():
                form.save()
        self.assertEqual((self.template.mjml, self.template.html), (MJML, sent))

    def test_who_writes_html_writes_in_html(self):
        self.template.write({"form": "mjml", "mjml": MJML})
        self.template.write({"html": "<p>Plain {{ city }}</p>"})
        self.assertEqual((self.template.form, self.template._describe()["mjml"]), ("html", ""))

    def test_the_preview_shows_a_contact_and_only_one_of_the_tenant(self):
        self._add_contacts(["zoe@x.test"])
        ours = self.env["engine.contact"].search([("email", "=", "zoe@x.test")])
        theirs = ours.create({"email": "max@y.test", "first_name": "Max", "tenant_id": self.tenant_b.id})
        form = self._open()
        self.assertIn("Jean", form.preview_html)
        form.preview_contact_id = ours
        self.assertIn("Hi N0", form.preview_html)
        self.assertIn("Lyon", form.preview_html)
        form.preview_contact_id = theirs
        self.assertNotIn("Max", form.preview_html)

    def test_a_copy_has_a_name_that_no_archived_one_has(self):
        """Templates, lists and segments alike: each name is there once for a tenant."""
        first = self.template.copy()
        first.active = False
        self.assertEqual((first.name, self.template.copy().name), ("Offer (2)", "Offer (3)"))
        self.assertEqual(self.list.copy().name, "News (2)")
        self.assertEqual(self.list.copy({"tenant_id": self.tenant_b.id, "name": "News"}).name, "News")
