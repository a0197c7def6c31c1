import re
from email import message_from_bytes, policy
from unittest.mock import patch

from freezegun import freeze_time
from odoo import fields, http
from odoo.exceptions import AccessDenied
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from lokario_testing.environments.mail import SmtpServer
from odoo.addons.base.models.ir_mail_server import IrMail_Server

LOGIN, PASSWORD = "neuve@example.org", "Long-Secret-42"


@tagged("post_install", "-at_install")
class TestSignup(HttpCase):
    def setUp(self):
        super().setUp()
        self.smtp = self.enterContext(SmtpServer())
        self.startPatcher(patch.object(IrMail_Server, "_disable_send", classmethod(lambda cls: False)))
        servers = self.env["ir.mail_server"]
        servers.search([]).active = False
        values = {"name": "Global", "smtp_host": "127.0.0.1", "smtp_port": self.smtp.port, "smtp_encryption": "none"}
        servers.create({**values, "is_global": True, "from_filter": "noreply@lokario.test"})
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("auth_signup.invitation_scope", "b2c")
        parameters.set_param("auth_signup.reset_password", "True")
        self.env["lokario.rate.limit"].search([]).unlink()
        self.authenticate(None, None)
        self.env["res.lang"]._activate_lang("en_US")
        self.opener.headers["Accept-Language"] = "en-US"

    def post(self, path, **data):
        data["csrf_token"] = http.Request.csrf_token(self)
        return self.opener.post(self.base_url() + path, data=data, timeout=120)

    def sign_up(self, **values):
        data = {"login": LOGIN, "name": "Neuve", "password": PASSWORD, "confirm_password": PASSWORD, **values}
        response = self.post("/web/signup", **data)
        self.user = self.env["res.users"].search([("login", "=", LOGIN)])
        return response

    def mail_link(self, pattern):
        """Let the queue run and return the link in the newest mail that the SMTP server received."""
        self.env["mail.mail"].search([("state", "=", "outgoing")]).send()
        sender, recipients, raw, _login = self.smtp.received[-1]
        self.assertEqual(recipients, [LOGIN])
        self.assertEqual(sender, "noreply@lokario.test")
        body = message_from_bytes(raw, policy=policy.default).get_body(["html"]).get_content()
        return re.search(pattern, body)[0].replace("&amp;", "&")

    def verification_token(self):
        return self.mail_link(r"http[^\"]*/auth/verify\?token=[\w-]+").partition("token=")[2]

    def can_log_in(self):
        user = self.user.with_user(self.user)
        try:
            user._check_credentials({"type": "password", "password": PASSWORD}, {"interactive": True})
        except AccessDenied:
            return False
        return True

    def test_no_login_before_the_link(self):
        response = self.sign_up()
        self.assertIn("Check your mail", response.text)
        self.assertTrue(self.user)
        self.assertFalse(self.can_log_in())
        with mute_logger("odoo.addons.base.models.res_users"):
            page = self.post("/web/login", login=LOGIN, password=PASSWORD)
        self.assertIn("confirm your e-mail address", page.text)
        token = self.verification_token()
        self.assertIn("Confirm and open my account", self.url_open(f"/auth/verify?token={token}").text)
        self.assertFalse(self.can_log_in(), "opening the link is not enough: programs do that")
        self.assertIn("Your account is open", self.post("/auth/verify", token=token, password=PASSWORD).text)
        self.assertTrue(self.can_log_in())

    def test_a_stranger_writes_nothing_to_others(self):
        self.sign_up(name="Win 500 EUR at https://evil.test")
        self.verification_token()
        mail = message_from_bytes(self.smtp.received[-1][2], policy=policy.default)
        texts = [str(mail), *(mail.get_body([kind]).get_content() for kind in ("html", "plain"))]
        self.assertFalse([text for text in texts if "evil.test" in text])

    def test_a_domain_of_other_letters_is_stored_as_mail_servers_write_it(self):
        self.sign_up(login="Zoe@Société.example")
        users = self.env["res.users"]
        user = users.search([("login", "=", "zoe@xn--socit-esab.example")])
        self.assertEqual(user.email, user.login)
        for typed in ("zoe@société.example", "Zoe@SOCIÉTÉ.example ", user.login):
            self.assertEqual(users.search(users._get_login_domain(typed)), user, typed)
        self.assertIn("account with this e-mail address already", self.sign_up(login="zoe@société.example").text)
        self.assertIn("letters before the @", self.sign_up(login="zoé@example.org").text)

    def test_the_link_alone_opens_nothing(self):
        """A stranger may have chosen the password of an account in my name."""
        self.sign_up()
        token = self.verification_token()
        for password in ("", "guessed"):
            response = self.post("/auth/verify", token=token, password=password)
            self.assertEqual(response.status_code, 403)
            self.assertIn("The password is not correct", response.text)
        self.assertFalse(self.can_log_in())
        statuses = [self.post("/auth/verify", token=token, password=f"guess {n}").status_code for n in range(9)]
        self.assertEqual(statuses, [403] * 8 + [429])
        response = self.post("/auth/verify", token=token, password=PASSWORD)
        self.assertEqual(response.status_code, 429, "the right one neither, until the period is over")
        self.assertFalse(self.can_log_in())

    def test_an_invalid_address_is_refused(self):
        for login in ("pas-une-adresse", "a@b", "a@b.fr, c@d.fr", "a b@c.fr", "é@b.fr", ""):
            page = self.sign_up(login=login).text
            self.assertIn("is not a valid e-mail address", page, login)
            self.assertIn("Neuve", page, "what was written stays")
        self.assertFalse(self.env["res.users"].search([("name", "=", "Neuve")]))

    def test_case_makes_no_second_account(self):
        self.sign_up(login="Neuve@Example.ORG")
        self.assertEqual(self.user.login, LOGIN)
        page = self.sign_up(login="NEUVE@example.org")
        self.assertIn("account with this e-mail address already", page.text)
        legacy = self.env["res.users"].create({"name": "Old", "login": "Old@example.org"})
        self.assertIn("already", self.sign_up(login="old@example.org").text)
        self.assertEqual(
            self.env["res.users"].search(self.env["res.users"]._get_login_domain("Old@example.org")), legacy
        )
        self.post("/auth/verify", token=self.verification_token(), password=PASSWORD)
        page = self.post("/web/login", login="NEUVE@Example.org", password=PASSWORD)
        self.assertNotIn("Wrong login/password", page.text)
        self.assertEqual(self.env["res.users"].search_count([("login", "=ilike", LOGIN)]), 1)

    def test_accounts_from_one_network_are_limited(self):
        pages = [self.sign_up(login=f"n{number}@example.org").text for number in range(12)]
        self.assertEqual([("Check your mail" in page) for page in pages], [True] * 10 + [False] * 2)
        self.assertIn("Too many accounts", pages[-1])
        self.assertEqual(self.env["res.users"].search_count([("name", "=", "Neuve")]), 10)

    def test_link_used_twice_expired_or_forged(self):
        self.sign_up()
        token = self.verification_token()
        for bad in ("", "x", token[:-3], token[::-1], "A" * 80):
            response = self.post("/auth/verify", token=bad)
            self.assertEqual(response.status_code, 410)
            self.assertIn("This link is not valid", response.text)
        with freeze_time(fields.Datetime.add(fields.Datetime.now(), hours=25)):
            self.assertFalse(self.env["res.users"]._by_verification_token(token))
        self.assertFalse(self.can_log_in())
        self.assertEqual(self.post("/auth/verify", token=token, password=PASSWORD).status_code, 200)
        self.assertEqual(self.post("/auth/verify", token=token, password=PASSWORD).status_code, 410)

    def test_sending_again_is_limited_and_tells_nothing(self):
        self.sign_up()
        first = self.verification_token()
        for _attempt in range(5):
            self.assertIn("Check your mail", self.post("/auth/verify/resend", login=LOGIN).text)
        self.assertIn("Check your mail", self.post("/auth/verify/resend", login="nobody@example.org").text)
        page = self.url_open("/auth/verify/resend")
        self.assertEqual(page.status_code, 200)
        self.assertIn("Send the link again", page.text)
        self.verification_token()
        self.assertEqual(len(self.smtp.received), 3)
        self.assertEqual(self.env["res.users"]._by_verification_token(first), self.user)

    def test_reset_end_to_end(self):
        self.sign_up()
        self.verification_token()
        self.assertIn("instructions sent", self.post("/web/reset_password", login=LOGIN).text)
        link = self.mail_link(r"http[^\"]*/web/reset_password\?[^\"]*token=[^\"]+")
        token = re.search(r"token=([^&]+)", link)[1]
        new = {"password": "Other-Secret-43", "confirm_password": "Other-Secret-43", "login": LOGIN, "name": "Neuve"}
        self.assertIn("reset successfully", self.post("/web/reset_password", token=token, **new).text)
        user = self.user.with_user(self.user)
        user._check_credentials({"type": "password", "password": "Other-Secret-43"}, {"interactive": True})
        self.assertFalse(self.can_log_in(), "the old password")

    def test_who_never_confirms_is_forgotten(self):
        """Strangers make these accounts: each would stay for ever."""
        self.sign_up()
        partner = self.user.partner_id
        other = new_test_user(self.env, "confirmed", "base.group_portal")
        self.env.cr.execute(
            "UPDATE res_users SET create_date = create_date - interval '8 days' WHERE id IN %s",
            [(self.user.id, other.id)],
        )
        self.env.invalidate_all()
        self.assertEqual(self.env["res.users"]._gc_unconfirmed(), (1, False))
        self.assertFalse(self.user.exists() or partner.exists())
        self.assertTrue(other.exists())
        self.sign_up()
        self.assertEqual(self.env["res.users"]._gc_unconfirmed(), (0, False), "the link is good for a while")
        self.assertTrue(self.user.exists())

    def test_short_paths(self):
        self.assertTrue(self.url_open("/auth/signup").url.endswith("/web/signup"))
        self.assertIn("/web/reset_password?token=abc", self.url_open("/auth/reset?token=abc").url)

    def test_invited_people_need_no_second_proof(self):
        partner = self.env["res.partner"].create({"name": "Invitée", "email": LOGIN})
        partner.signup_prepare(signup_type="signup")
        self.sign_up(token=partner._generate_signup_token())
        self.assertEqual(self.user.partner_id, partner)
        self.assertTrue(self.can_log_in())
