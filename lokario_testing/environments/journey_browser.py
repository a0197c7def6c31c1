"""One Chrome for all pages of a browser test in Odoo: its cache stays, cookies and what pages stored do not."""

from concurrent.futures import Future
from unittest.mock import patch

from odoo.tests import HttpCase
from odoo.tests.common import ChromeBrowser

SCRIPTS, STYLES = ("web.assets_web",), ("web.assets_web", "web.assets_web_print")
STORED = "cookies,local_storage,indexeddb,service_workers"


class KeptChrome(ChromeBrowser):
    def begin(self, test_case) -> "KeptChrome":
        """Serve another test, or another page of the same."""
        self.test_case, self._logger = test_case, test_case._logger
        self._result, self.had_failure = Future(), False
        return self

    def stop(self) -> None:
        """Leave the page without a trace; `browser_js` calls this at its end.

        What a form saves when it is left does not reach the server: the late answer would end the next page's session.
        """
        self._connect(False)
        self._websocket_request("Page.navigate", params={"url": "about:blank"})
        self._connect(True)
        stored = {"origin": self.test_case.base_url(), "storageTypes": STORED}
        self._websocket_request("Storage.clearDataForOrigin", params=stored)

    def _connect(self, is_online: bool) -> None:
        self._websocket_request("Network.enable")
        conditions = {"offline": not is_online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._websocket_request("Network.emulateNetworkConditions", params=conditions)

    def close(self) -> None:
        super().stop()


class BrowserCase(HttpCase):
    """A test that opens many pages: what each of them loads is made once for its class, and loaded once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make = cls.env["ir.qweb"]._get_asset_bundle
        for bundle in SCRIPTS:
            make(bundle, css=False, js=True).js()
        for bundle in STYLES:
            make(bundle, css=True, js=False).css()
        cls._kept_chrome = None
        cls.startClassPatcher(patch("odoo.tests.common.ChromeBrowser", cls._chrome))

    @classmethod
    def _chrome(cls, test_case, **options):
        if not cls._kept_chrome:
            cls._kept_chrome = KeptChrome(test_case, **options)
            cls.addClassCleanup(cls._kept_chrome.close)
        return cls._kept_chrome.begin(test_case)
