import random
import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import http
from odoo.exceptions import ValidationError
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools import config, mute_logger

from lokario_testing.environments.databases import VISITED_HOST
from odoo.addons.lokario_base.tools.client_address import client_network, network_of

from ..models import contact as contact_model
from ..tools import captcha, contact

GOOD = {"name": "Zoé Client", "email": "zoe@example.org", "company": "SARL Été", "message": "Bonjour,\nun devis ?"}


@tagged("post_install", "-at_install")
class TestContactMessage(BaseCase):
    def test_cleaned(self):
        message = contact.parse_message({**GOOD, "name": " Zoé\r\nBcc: x@y.zz\x00 "})
        self.assertEqual(message.name, "Zoé Bcc: x@y.zz")
        self.assertEqual(message.message, "Bonjour,\nun devis ?")

    def test_wrong_fields_are_named(self):
        for form, expected in (
            ({}, {"name": "missing", "email": "missing", "message": "missing"}),
            ({**GOOD, "email": "zoe"}, {"email": "invalid"}),
            ({**GOOD, "email": "zoe@gmail..com"}, {"email": "invalid"}),
            ({**GOOD, "email": "zoé@société.fr"}, {"email": "invalid"}),
            ({**GOOD, "email": "zoe@société..fr"}, {"email": "invalid"}),
            ({**GOOD, "email": "a@b.fr\r\nBcc: c@d.fr"}, {"email": "invalid"}),
            ({**GOOD, "email": "a@b.fr, c@d.fr"}, {"email": "invalid"}),
            ({**GOOD, "message": "x" * 5001}, {"message": "too_long"}),
            ({**GOOD, "name": 3}, {"name": "missing"}),
        ):
            with self.assertRaises(contact.InvalidMessage) as caught:
                contact.parse_message(form)
            self.assertEqual(caught.exception.errors, expected)

    def test_words_of_other_scripts_stay_whole(self):
        text = "می\u200cخواهم \u202e👩\u200d🔧\x07"
        message = contact.parse_message({**GOOD, "name": "\u200dنیلوفر", "message": text})
        self.assertEqual((message.name, message.message), ("نیلوفر", "می\u200cخواهم 👩\u200d🔧"))
        with self.assertRaises(contact.InvalidMessage):
            contact.parse_message({**GOOD, "name": "\u200d\u200c"})

    def test_addresses_that_people_have(self):
        for email in ("tim.o'neil@example.ie", "a.b..c.@docomo.example", "zoe+devis@sous.domaine.photography"):
            self.assertEqual(contact.parse_message({**GOOD, "email": email}).email, email)
        answerable = contact.parse_message({**GOOD, "email": "zoe@Société.fr"}).email
        self.assertEqual(answerable, "zoe@xn--socit-esab.fr")

    def test_networks(self):
        self.assertEqual(network_of("203.0.113.77"), "203.0.113.0/24")
        self.assertEqual(network_of("::ffff:203.0.113.77"), "203.0.113.0/24")
        self.assertEqual(network_of("2001:db8:1:2::3"), "2001:db8:1::/48")
        self.assertEqual(network_of("x"), "unknown")

    def test_behind_a_proxy_the_visitor_counts(self):
        environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 203.0.113.77"}
        self.assertEqual(client_network(environ, "127.0.0.1"), "203.0.113.0/24")
        self.assertEqual(client_network(environ, ""), "127.0.0.0/24", "anybody can write the header")
        self.assertEqual(client_network({"REMOTE_ADDR": "198.51.100.7"}, "127.0.0.1"), "198.51.100.0/24")
        self.assertEqual(client_network({}, "127.0.0.1"), "unknown")

    def test_only_a_named_proxy_says_who_the_visitor_is(self):
        claimed = {"REMOTE_ADDR": "198.51.100.7", "HTTP_X_FORWARDED_FOR": "203.0.113.77"}
        self.assertEqual(client_network(claimed, "127.0.0.1, 10.0.0.0/8"), "198.51.100.0/24")
        self.assertEqual(client_network(claimed, "10.0.0.0/8 198.51.100.7"), "203.0.113.0/24")
        self.assertEqual(client_network(claimed, "nonsense, 198.51.100.0/33"), "198.51.100.0/24")
        # Odoo itself has put the visitor's claim into REMOTE_ADDR.
        rewritten = {"REMOTE_ADDR": "203.0.113.77", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "198.51.100.7"}}
        rewritten["HTTP_X_FORWARDED_FOR"] = "203.0.113.77"
        self.assertEqual(client_network(rewritten, "127.0.0.1"), "198.51.100.0/24")
        two = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.77, 10.1.2.3"}
        self.assertEqual(client_network(two, "127.0.0.1, 10.0.0.0/8"), "203.0.113.0/24", "a proxy before the proxy")
        only = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.1.2.3"}
        self.assertEqual(client_network(only, "127.0.0.1, 10.0.0.0/8"), "10.1.2.0/24")
        self.assertEqual(client_network({**only, "HTTP_X_FORWARDED_FOR": "x, "}, "127.0.0.1"), "unknown")


@tagged("post_install", "-at_install")
class TestCaptcha(BaseCase):
    def test_an_answer_is_a_number_with_enough_zero_bits(self):
        answer = captcha.solution("challenge", 10)
        self.assertTrue(captcha.is_solved("challenge", answer, 10))
        self.assertFalse(captcha.is_solved("challengE", answer, 10))
        for wrong in ("", "-1", "x", "٣", "9" * 5000, f" {answer}", str(int(answer) + 1)):
            self.assertFalse(captcha.is_solved("challenge", wrong, 10), wrong)


@tagged("post_install", "-at_install")
class TestContactForm(HttpCase):
    def setUp(self):
        super().setUp()
        self.env["lokario.rate.limit"].search([]).unlink()
        self.company = self.env.ref("base.main_company")
        self.company.email = "contact@alpha.test"
        self.company.partner_id.lang = "en_US"
        self.authenticate(None, None)
        self.env["res.lang"]._activate_lang("en_US")
        self.opener.headers["Accept-Language"] = "en-US"

    def post(self, form, token=True, **options):
        data = dict(form)
        if token:
            data["csrf_token"] = http.Request.csrf_token(self)
        return self.opener.post(self.base_url() + "/contact", data=data, timeout=120, **options)

    def mails(self):
        return self.env["mail.mail"].search([("subject", "like", "Contact form"), ("state", "=", "outgoing")])

    def test_a_message_reaches_the_company(self):
        response = self.post(GOOD)
        self.assertEqual(response.status_code, 200)
        self.assertIn("Your message has been sent", response.text)
        mail = self.mails()
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.email_to, "contact@alpha.test")
        self.assertEqual(mail.reply_to, '"Zoé Client" <zoe@example.org>')
        self.assertIn("contact@alpha.test", mail.email_from)
        self.assertIn("un devis ?", mail.body_html)
        self.assertFalse(mail._is_business_mail())

    def test_the_settings_address_wins(self):
        self.company.contact_email = "sales@alpha.test"
        self.post(GOOD)
        self.assertEqual(self.mails().email_to, "sales@alpha.test")

    def test_whoever_writes_becomes_a_contact_where_the_company_wants_it(self):
        self.post(GOOD)
        written = [("email", "=", GOOD["email"])]
        self.assertFalse(self.env["res.partner"].search(written))
        self.company.contact_creates_partner = True
        self.post(GOOD)
        self.post({**GOOD, "name": "Somebody else", "email": "ZOE@example.org"})
        partner = self.env["res.partner"].search(written)
        self.assertEqual((partner.name, partner.company_name), (GOOD["name"], GOOD["company"]))
        notes = partner.message_ids.filtered(lambda message: "un devis" in message.body)
        self.assertEqual(len(notes), 2)
        self.assertFalse(notes.notified_partner_ids)

    def test_a_message_that_would_reach_nobody_is_not_taken(self):
        self.company.email = False
        response = self.post(GOOD)
        self.assertEqual(response.status_code, 503)
        self.assertIn("has no recipient yet", response.text)
        self.assertIn("un devis ?", response.text)
        self.assertFalse(self.mails())

    def test_errors_keep_what_was_written(self):
        response = self.post({**GOOD, "email": "nope"})
        self.assertEqual(response.status_code, 422)
        self.assertIn("not a valid e-mail address", response.text)
        self.assertIn("un devis ?", response.text)
        self.assertFalse(self.mails())

    def test_no_name_of_a_parameter_is_a_server_error(self):
        for path in ("/contact", "/fr/contact"):
            for name in ("self", "cls", "endpoint", "token[]", "__class__", "\0"):
                response = self.opener.get(self.base_url() + path, params={name: "1"}, timeout=120)
                self.assertLess(response.status_code, 500, (path, name))

    def test_html_is_text(self):
        response = self.post({**GOOD, "message": "<script>alert(1)</script>", "email": "nope"})
        self.assertNotIn("<script>alert(1)", response.text)
        self.post({**GOOD, "message": "<script>alert(1)</script>"})
        self.assertNotIn("<script>", self.mails().body_html)

    def test_programs_that_fill_the_hidden_field_learn_nothing(self):
        response = self.post({**GOOD, contact.HONEYPOT: "http://spam"})
        self.assertIn("Your message has been sent", response.text)
        self.assertFalse(self.mails())

    def test_rate_limit(self):
        self.assertEqual([self.post(GOOD).status_code for _ in range(6)], [200] * 5 + [429])
        self.assertEqual(len(self.mails()), 5)
        statuses = [self.post({**GOOD, "email": f"a{n}@example.org"}).status_code for n in range(20)]
        self.assertEqual(set(statuses[-3:]), {429})

    def test_the_limit_counts_each_visitor_of_a_proxy(self):
        self.startPatcher(patch.dict(config.options, {"proxy_mode": True}))
        self.assertEqual({self.send_through_a_proxy(f"203.0.{number}.9", number) for number in range(22)}, {303})
        statuses = [self.send_through_a_proxy("203.0.0.77", 100 + number) for number in range(20)]
        self.assertEqual(statuses, [303] * 19 + [429])

    def send_through_a_proxy(self, address, number):
        """Send the form as this visitor, who claims another address on top."""
        headers = {"X-Forwarded-For": f"6.6.6.6, {address}", "Host": VISITED_HOST}
        page = self.opener.get(self.base_url() + "/contact", headers=headers, timeout=120)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        form = {**GOOD, "email": f"v{number}@example.org", "csrf_token": token}
        return self.post(form, token=False, headers=headers, allow_redirects=False).status_code

    def test_near_the_limit_the_browser_calculates(self):
        """Whoever shares a busy network still gets a message through; an answer is good for one."""
        network = self.env["lokario.rate.limit"]._network({"REMOTE_ADDR": "127.0.0.1"})
        for _message in range(20):
            self.env["lokario.rate.limit"]._take("contact-network", network, 20, timedelta(hours=1))
        page = self.post(GOOD)
        self.assertEqual(page.status_code, 429)
        self.assertIn("un devis ?", page.text)
        challenge = re.search(r'name="challenge" value="([^"]+)"', page.text)[1]
        proof = {"challenge": challenge, "challenge_answer": captcha.solution(challenge)}
        elsewhere = self.env["lokario.contact"]._challenge("203.0.113.0/24")
        foreign = {"challenge": elsewhere, "challenge_answer": captcha.solution(elsewhere)}
        for wrong in ({**proof, "challenge_answer": "x"}, {**proof, "challenge": "x"}, foreign):
            self.assertEqual(self.post({**GOOD, **wrong}).status_code, 429)
        self.assertFalse(self.mails())
        self.assertIn("Your message has been sent", self.post({**GOOD, **proof}).text)
        self.assertEqual(self.post({**GOOD, **proof}).status_code, 429)
        self.assertEqual(len(self.mails()), 1)

    def test_many_networks_together_are_a_crowd(self):
        """Who has thousands of networks makes no millions of leads."""
        limits, hour = self.env["lokario.rate.limit"], timedelta(hours=1)
        with patch.object(contact_model, "ALTOGETHER", 1), patch.object(contact_model, "ALTOGETHER_ANSWERED", 1):
            self.assertIn("Your message has been sent", self.post(GOOD).text)
            page = self.post(GOOD)
            self.assertEqual(page.status_code, 429)
            challenge = re.search(r'name="challenge" value="([^"]+)"', page.text)[1]
            proof = {"challenge": challenge, "challenge_answer": captcha.solution(challenge)}
            self.assertIn("Your message has been sent", self.post({**GOOD, **proof}).text)
        self.assertFalse(limits._take("contact-all-answered", "", 1, hour), "the next one is told to wait")
        self.assertEqual(len(self.mails()), 2)

    def test_a_visitor_leaves_no_file_of_a_session(self):
        sessions = Path(http.root.session_store.path)
        before = set(sessions.rglob("*"))
        page = self.opener.get(self.base_url() + "/contact", timeout=120)
        made = {path.name for path in set(sessions.rglob("*")) - before}
        self.assertNotIn(self.opener.cookies["session_id"], made)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        self.assertIn("Your message has been sent", self.post({**GOOD, "csrf_token": token}, token=False).text)

    def test_the_settings_say_when_everybody_counts_as_one(self):
        settings = self.env["res.config.settings"]
        self.assertIn("count as one", settings.create({}).lokario_proxy_note)
        self.assertEqual(settings.create({}).lokario_proxies, "127.0.0.1, ::1")
        with patch.dict(config.options, {"proxy_mode": True}):
            self.assertFalse(settings.create({}).lokario_proxy_note)
        with self.assertRaisesRegex(ValidationError, "nonsense"):
            settings.create({"lokario_proxies": "10.0.0.0/8, nonsense"})
        settings.create({"lokario_proxies": "198.51.100.7"}).execute()
        with patch.dict(config.options, {"proxy_mode": True}):
            claimed = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.77"}
            self.assertEqual(self.env["lokario.rate.limit"]._network(claimed), "127.0.0.0/24")

    def test_the_mail_has_the_companys_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.company.partner_id.lang = "fr_FR"
        self.post(GOOD)
        mail = self.env["mail.mail"].search([("email_to", "=", "contact@alpha.test")])
        self.assertEqual(mail.subject, "Formulaire de contact : Zoé Client")
        self.assertEqual(mail.reply_to, '"Zoé Client" <zoe@example.org>')

    def test_in_french(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        response = self.url_open("/fr/contact")
        self.assertIn("Contactez-nous", response.text)

    def test_200_hostile_posts(self):
        rng = random.Random(7)
        injections = [
            "\r\nBcc: victim@third.party",
            "\nTo: victim@third.party\n\n",
            "%0aBcc:victim@third.party",
            "\x00",
            "é" * 9000,
        ]
        with mute_logger("odoo.http", "werkzeug"):
            for number in range(200):
                form = dict(GOOD)
                form[rng.choice(list(form))] = rng.choice(injections) + str(number)
                choice = number % 5
                if choice == 0:
                    response = self.post(form)
                elif choice == 1:
                    response = self.post({**form, "message": "x" * 200_000})
                elif choice == 2:
                    response = self.post(form, files={"message": ("x.bin", bytes(range(256)))})
                elif choice == 3:
                    body = b"name=%ff%fe&email=\xff&message=" + bytes([number]) * 50
                    response = self.opener.post(self.base_url() + "/contact", data=body, timeout=120)
                else:
                    response = self.post(form, token=False)
                self.assertLess(response.status_code, 500, form)
        for mail in self.mails():
            self.assertEqual(mail.email_to, "contact@alpha.test")
            self.assertFalse(mail.email_cc)
            self.assertNotIn("\n", f"{mail.subject}{mail.reply_to}{mail.email_from}")
