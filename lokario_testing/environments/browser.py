"""Headless Chromium, driven step by step over its DevTools protocol: journeys through the screens, with pictures."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.odoo_process import free_port
from lokario_cli.setup import odoo_source

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/google/Roboto</dir><dir>/usr/share/fonts</dir><dir prefix="xdg">fonts</dir>
<match target="pattern"><edit name="family" mode="prepend" binding="strong"><string>Roboto</string></edit></match>
</fontconfig>"""
_POLL = 0.05  # seconds between two looks at a page that is still working
PATIENCE = 120  # seconds; on a machine that also runs other tests the first page is slow, and waiting costs nothing
SHOWN = "document.body?.innerText ?? ''"


class Browser:
    """``errors`` collects what pages wrote to the console as errors and their uncaught exceptions."""

    def __init__(self, width: int = 1600, height: int = 900, language: str = "fr-FR"):
        self._size, self._language = (width, height), language
        self._ids, self.errors, self._socket = itertools.count(1), [], None

    def __enter__(self):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if not program:
            raise Failure("Chromium is needed for this: install the package chromium.")
        self._folder, self._port = tempfile.mkdtemp(prefix="lokario-browser-"), free_port()
        width, height = self._size
        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             f"--remote-debugging-port={self._port}", f"--user-data-dir={self._folder}", f"--lang={self._language}",
             f"--window-size={width},{height}", "--remote-allow-origins=*", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "FONTCONFIG_FILE": fonts_file(self._folder)},
        )  # fmt: skip
        self._show(self._first_page())
        return self

    def _show(self, page: str) -> None:
        """Drive this page, by the number it has in DevTools."""
        self._page, (width, height) = page, self._size
        self._connect(f"ws://127.0.0.1:{self._port}/devtools/page/{page}")
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.send("Network.setExtraHTTPHeaders", headers={"Accept-Language": self._language})

    def _connect(self, address: str) -> None:
        import websocket

        if self._socket:
            self._socket.close()
        self._socket = websocket.create_connection(address, timeout=PATIENCE, suppress_origin=True)

    def __exit__(self, *_exc):
        self._socket.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _first_page(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json", timeout=5) as answer:
                    pages = [page for page in json.load(answer) if page["type"] == "page"]
                if pages:
                    return pages[0]["id"]
            except OSError:
                time.sleep(_POLL)
        raise Failure("Chromium did not start.")

    def send(self, method: str, **parameters) -> dict:
        """Send one DevTools command and return its result."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']['message']}")
                return message["result"]
            self._note(message)

    def _note(self, message):
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif message.get("method") == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.errors.append(" ".join(str(item.get("value", item.get("description"))) for item in parameters["args"]))

    # --- what a person does ---

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str):
        """Return the value of a JavaScript expression in the page (promises are awaited)."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failure(result["exceptionDetails"].get("exception", {}).get("description", "script error"))
        return result["result"].get("value")

    def wait(self, condition: str, timeout: float = PATIENCE) -> None:
        """Wait until a JavaScript condition holds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.evaluate(f"!!({condition})"):
                    return
            except Failure:  # the page is being replaced
                pass
            time.sleep(_POLL)
        raise Failure(f"The page never came to: {condition}\n{self.evaluate(SHOWN)[:1500]}")

    def see(self, selector: str, text: str = "", timeout: float = PATIENCE) -> None:
        """Wait until an element (that contains the text) is shown."""
        self.wait(_find(selector, text), timeout)

    def click(self, selector: str, text: str = "") -> None:
        """Click on it; a page that is drawn anew between the look and the click is looked at again."""
        clicked = False
        while not clicked:
            self.see(selector, text)
            clicked = self.evaluate(f"(e => Boolean(e) && (e.click(), true))({_find(selector, text)})")

    def fill(self, selector: str, value: str) -> None:
        """Type into a field as a person would: again when something took the focus away meanwhile."""
        field = _find(selector, "")
        for _attempt in range(10):
            self.see(selector)
            self.evaluate(f"(e => {{ e?.focus(); e?.select?.(); }})({field})")
            self.send("Input.insertText", text=value)
            if self.evaluate(f"(e => (e?.value ?? e?.innerText ?? '').includes({json.dumps(value)}))({field})"):
                break
        else:
            raise Failure(f"{selector} does not take “{value}”.")
        self.evaluate(f"{field}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def press(self, key: str) -> None:
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def log_in(self, url: str, login: str, password: str) -> None:
        self.open(f"{url}/web/login")
        self.fill("input[name=login]", login)
        self.fill("input[name=password]", password)
        self.evaluate("document.querySelector('form.oe_login_form').submit()")
        self.see(".o_web_client, .o_main_navbar")

    def forget(self) -> None:
        """Go on as somebody who was never here: what the page that is left still asks for cannot reach the next one."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/json/version", timeout=PATIENCE) as answer:
            self._connect(json.load(answer)["webSocketDebuggerUrl"])
        context = self.send("Target.createBrowserContext")["browserContextId"]
        page = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.send("Target.closeTarget", targetId=self._page)
        self._show(page)

    def picture(self, path: Path) -> Path:
        """Write a PNG of the window."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
        return path


def fonts_file(folder) -> str:
    """Write a font configuration with the fonts that Odoo ships: pictures look alike on every machine."""
    target = Path(folder) / "fonts.conf"
    target.write_text(_FONTS.format(folder=odoo_source.home() / "odoo" / "addons" / "web" / "static" / "fonts"))
    return str(target)


def _find(selector: str, text: str) -> str:
    return (
        f"[...document.querySelectorAll({json.dumps(selector)})].find(e => e.getClientRects().length"
        f" && (e.innerText || e.value || e.title || '').includes({json.dumps(text)}))"
    )
