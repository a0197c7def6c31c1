from io import BytesIO
from pathlib import Path

import polib
from odoo.tests import Form, TransactionCase, new_test_user, tagged
from odoo.tools.translate import trans_export

from odoo.addons.email_engine_bridge.tools.template_renderer import shared_sandbox

DRAWN = """<div class="o_layout o_default_theme"><p>Bonjour {{ first_name }}, [CITY] {% if a < b %}x{% endif %}</p>
<p t-if="object.x"><a href="/view">View Online</a><a href="/unsubscribe_from_list">Unsubscribe</a></p>
<a href="{{ shop_url }}">Shop</a><a href="[UNSUBSCRIBE_URL]">u</a><img src="/web/image/7-ab/a.png" alt="é"></div>"""


@tagged("post_install", "-at_install")
class TestVisualEditor(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(lambda: shared_sandbox().close())
        tenants = cls.env["engine.tenant"]
        values = {"from_name": "N", "from_email": "n@x.test"}
        cls.tenant = tenants.create({"name": "One", "slug": "one", **values})
        group = "email_engine_bridge.group_email_engine_bridge_manager"
        cls.user = new_test_user(cls.env, "vera", groups=group, name="Vera")
        cls.env["ir.config_parameter"].set_param("email_engine.public_url", "https://mail.example.com/")

    def test_what_is_drawn_becomes_the_html_that_is_sent(self):
        template = self.env["engine.template"].create(
            {"name": "Drawn", "tenant_id": self.tenant.id, "form": "visual", "body_arch": DRAWN, "body_html": DRAWN}
        )
        for kept in (
            "Bonjour {{ first_name }}, [CITY]",
            "{% if a",
            'href="{{ shop_url }}"',
            'href="[UNSUBSCRIBE_URL]"',
            '<a href="[WEB_VERSION_URL]">View Online</a>',
            'src="https://mail.example.com/web/image/7-ab/a.png"',
        ):
            self.assertIn(kept, template.html)
        for gone in ("t-if", "unsubscribe_from_list"):
            self.assertNotIn(gone, template.html)
        self.assertFalse(template.error)
        self.assertIn("first_name, [CITY]", template.variables)

    def test_who_writes_no_mailings_opens_the_editor_all_the_same(self):
        """The editor asks for favourites of Odoo's own mailings, which this person may not read."""
        self.assertEqual(self.env["mailing.mailing"].with_user(self.user).action_fetch_favorites([]), [])
        with Form(self.env["engine.template"].with_user(self.user)) as form:
            form.name, form.tenant_id, form.form = "New", self.tenant, "visual"
        self.assertTrue(form.record.html, "until something is drawn, there is an example")

    def test_every_term_is_french(self):
        """The suite's own database, whose translations a system test looks at, does without Odoo's mailings."""
        exported = BytesIO()
        trans_export(None, ["email_engine_mass_mailing"], exported, "po", self.env)
        french = polib.pofile(str(Path(__file__).parents[1] / "i18n" / "fr.po")).translated_entries()
        shown = {entry.msgid for entry in polib.pofile(exported.getvalue().decode())}
        self.assertTrue(shown)
        self.assertEqual(shown - {entry.msgid for entry in french}, set())
