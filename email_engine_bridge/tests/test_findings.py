import ast
import inspect
import re

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools.translate import LazyGettext

from ..models.engine_finding import TEXTS
from ..models.engine_reason_mixin import REASONS
from ..tools import bounce_rules, dns_board, dns_lookup, health, pmta_config, pmta_values, spf, warmup
from ..tools.dns_board import Check
from ..tools.finding import finding
from ..tools.pmta_lint import lint
from ..tools.template_renderer import TemplateRenderer
from .common import EngineCase
from .test_pmta_lint import GOOD, MUTATIONS

# Who makes a finding: the place of the code among the arguments, and the values that are always there
MAKERS = {
    "finding": (0, set()),
    "SpfPermError": (0, set()),
    "ConfigValueError": (2, {"field", "value"}),
    "_matching": (1, {"field", "value"}),
}


def said_by(tool):
    """Return {code: names of its values} of every finding a tool can make with a literal code."""
    found = {}
    for call in ast.walk(ast.parse(inspect.getsource(tool))):
        if not isinstance(call, ast.Call):
            continue
        place, given = MAKERS.get(getattr(call.func, "id", getattr(call.func, "attr", "")), (99, set()))
        if len(call.args) > place and isinstance(call.args[place], ast.Constant):
            found[call.args[place].value] = {keyword.arg for keyword in call.keywords} | given
    return found


@tagged("post_install", "-at_install")
class TestFindings(EngineCase):
    def test_every_finding_has_its_text(self):
        said = {}
        for tool in (dns_board, dns_lookup, health, pmta_config, pmta_values, spf, warmup):
            said |= said_by(tool)
        said["dns_verified"] = set()
        judged = {"hits", "mails", "rate", "at_least", "limit"}
        said |= {f"{kind}_of_{window}": judged for kind in ("bounces", "complaints") for window in ("week", "day")}
        self.assertEqual(said.keys(), TEXTS.keys())
        for code, names in said.items():
            self.assertIsInstance(TEXTS[code], LazyGettext)
            text = self.env._(TEXTS[code])
            self.assertLessEqual(set(re.findall(r"%\((\w+)\)s", text)), names, code)

    def test_every_reason_of_a_refusal_has_its_words(self):
        causes = [cause.reason for cause in vars(bounce_rules).values() if isinstance(cause, bounce_rules.Cause)]
        self.assertEqual(set(causes), set(REASONS))

    def test_the_board_speaks_the_readers_language(self):
        domain = self.ip_a1.domain_id
        wrong = finding("spf_broken", why=finding("spf_many_lookups", most=10))
        self.env["engine.dns.check"]._store(domain, self.env["engine.ip"], Check("spf", "error", "", wrong))
        check = domain.check_ids
        self.assertEqual(check.message, "SPF is broken: more than 10 DNS lookups.")
        self.env["res.lang"]._activate_lang("fr_FR")
        self.assertEqual(check.with_context(lang="fr_FR").message, "Le SPF est invalide : plus de 10 requêtes DNS.")

    def test_the_linter_speaks_the_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        french = self.env(context={"lang": "fr_FR"})
        broken = GOOD.replace("dkim-sign yes", "dkim-sign oui")
        self.assertEqual(
            french["engine.config.lint"].create({"content": broken}).result,
            "Erreur à la ligne 36 de config : dkim-sign : yes ou no attendu, trouvé oui [E10]",
        )
        for _code, old, new, _needle in MUTATIONS:
            for found in lint(GOOD.replace(old, new, 1)):
                self.assertNotEqual(french._(found.text), found.text)

    def test_a_refused_value_is_named_as_on_the_screen(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        server = self.tenant_a.server_id.with_context(lang="fr_FR")
        with self.assertRaisesRegex(ValidationError, "^Peuvent remettre du courrier : .* « 0.0.0.0/0 »"):
            server.source_networks = "0.0.0.0/0"

    def test_a_pause_is_explained_in_the_companys_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.tenant_a.company_id.partner_id.lang = "fr_FR"
        self._count_events(self.ip_a1, self.tenant_a._get_today(), bounced=400)
        day = self.ip_a1.day_ids
        day.sudo().write({"sent": 1000, "quota": 1000})
        self.env["engine.warmup"]._judge_today(self.ip_a1._in_company_language())
        self.assertEqual(self.ip_a1.status, "paused")
        text = self.env["engine.alert"].search([("ip_id", "=", self.ip_a1.id)]).text
        self.assertIn(
            "400 rebonds sur 1000 e-mails en 7 jours (40 %)", text.replace("\u202f", " ").replace("\xa0", " ")
        )
        self.assertIn("400 bounces in 1000 mails of 7 days (40%)", self.ip_a1.status_reason)

    def test_the_chatter_is_in_the_companys_language_whoever_acts(self):
        """The API and jobs act in English."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.tenant_a.company_id.partner_id.lang = "fr_FR"
        ip = self._create_ip(self.tenant_a, "mail7.alpha.test", "192.0.2.77")
        self.cr.flush()
        ip.sudo().status = "paused"
        self.cr.flush()
        self.assertIn("Création : Adresse IP", ip.message_ids[-1].body)
        values = ip.message_ids.sudo().tracking_value_ids
        self.assertIn(("Montée en charge", "En pause"), [(one.old_value_char, one.new_value_char) for one in values])

    def test_mistakes_in_templates_are_said_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        say, renderer = self.env(context={"lang": "fr_FR"})["engine.template.error"]._say, TemplateRenderer()
        self.assertEqual(
            say(renderer.validate_template("{{ a|uper }}")[1]),
            "ligne 1, colonne 6 : filtre inconnu ou interdit : uper (upper ?)",
        )
        for source in (
            "{{ a b }}", "{{ nom", "{% if a %}x", "{% foo %}", "{{ f() }}", "{{ }}", "{{ a. }}", "{# x", "{{ _a }}",
            "{{ [FNAME] }}", "[REMOTE_CONTENT url='x']", "{% include 'x' %}", "{{ a is foo }}", "{{ a $ }}",
            "{{ a|default( }}", "{% for x in y %}{% set z = x %}{% endfor %}",
        ):  # fmt: skip
            valid, english = renderer.validate_template(source)
            french = say(english)
            self.assertFalse(valid, source)
            self.assertRegex(french, r"ligne 1, colonne \d+ : ")
            self.assertNotIn(english.partition(": ")[2].rstrip("."), french)
        self.assertEqual(say("said otherwise"), "said otherwise")
