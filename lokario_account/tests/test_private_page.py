from odoo import http
from odoo.tests import HttpCase, tagged

from odoo.addons.lokario_base.tools.private_page import HEADERS

PAGES = ("/users/deletion/undo", "/auth/verify")
LOGGED_IN_PAGES = ("/my/account/deletion",)
HOSTILE = ("", "x", "\0", "é" * 60, "%00%ff", "A" * 5000, "AQ", "AQ" * 40, "--", "[]", "{}", "١٢٣")


@tagged("post_install", "-at_install")
class TestPrivatePage(HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)

    def assert_private(self, response):
        for name, value in HEADERS.items():
            self.assertEqual(response.headers.get(name), value, response.url)

    def test_headers(self):
        for path in PAGES:
            self.assert_private(self.url_open(f"{path}?token=x"))
        self.authenticate("admin", "admin")
        for path in LOGGED_IN_PAGES:
            self.assert_private(self.url_open(path))

    def test_no_input_is_a_server_error(self):
        for path in PAGES:
            for value in HOSTILE:
                response = self.opener.get(self.base_url() + path, params={"token": value}, timeout=120)
                self.assertLess(response.status_code, 500, (path, value))
            self.post(path, files={"token": ("x.bin", bytes(range(256)))})
            for value in HOSTILE:
                self.post(path, data={"token": value})
        for value in HOSTILE:
            self.post("/auth/verify/resend", data={"login": value})
        self.post("/auth/verify/resend", files={"login": ("x.bin", bytes(range(256)))})

    def test_no_name_of_a_parameter_is_a_server_error(self):
        pages = (*PAGES, "/auth/signup", "/web/login", "/users/process-account-deletions")
        for path in (*pages, *(f"/fr{page}" for page in pages)):
            for name in ("self", "cls", "endpoint", "token[]", "__class__", "\0"):
                response = self.opener.get(self.base_url() + path, params={name: "1"}, timeout=120)
                self.assertLess(response.status_code, 500, (path, name))

    def test_a_missing_parameter_is_the_visitors_error(self):
        for path in ("/scoped_app", "/report/barcode", "/queue_job/runjob"):  # of Odoo and of the OCA
            self.assertEqual(self.opener.get(self.base_url() + path, timeout=120).status_code, 400, path)

    def post(self, path, data=None, **options):
        data = {**(data or {}), "csrf_token": http.Request.csrf_token(self)}
        response = self.opener.post(self.base_url() + path, data=data, timeout=120, **options)
        self.assertLess(response.status_code, 500, (path, data, options))
