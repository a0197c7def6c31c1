"""Whatever a mail says, nothing of it runs in the reader: own vectors through parser, folding and frame, in Chromium.

The frame is drawn by the reader's own code. With scripts allowed and without its policy, as if both had failed, nothing
runs either; the vectors themselves do run there, so that the test can fail.
"""

import json
import re
from urllib.parse import quote

import pytest

from benchmarks.engine_environment import make_importable
from lokario_cli.paths import ROOT
from lokario_testing.environments.browser import Browser

INBOX = ROOT / "lokario_inbox" / "static" / "src" / "inbox"
RUN = "parent.ran.push(1)"
LINK = f"<a href='%s:{RUN}' class=press>x</a>"
VECTORS = [
    f"<script>{RUN}</script>",
    f"<img src=x: onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><style><img src='</style><img src=x: onerror={RUN}>'>",
    f"<math><mi><style><!--</style><img src='--><img src=x: onerror={RUN}>'>",
    f"<math><mtext><table><mglyph><style><!--</style><b title='--><img src=x: onerror={RUN}>'>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x: onerror={RUN}>",
    f"<noscript><p title='</noscript><img src=x: onerror={RUN}>'>",
    f"<title><p title='</title><img src=x: onerror={RUN}>'>",
    f"<template><img src=x: onerror={RUN}></template>",
    f"<select><template><style><!--</style><a rel='--><img src=x: onerror={RUN}>'>",
    f"<textarea><p title='</textarea><img src=x: onerror={RUN}>'>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src='javascript:parent.{RUN}'></iframe>",
    f"<object data='javascript:parent.{RUN}'></object>",
    f"<embed src='javascript:parent.{RUN}'>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN} src=x:></video>",
    f"<audio src=x: onerror={RUN}>",
    f"<p style='animation:a 1ms' onanimationstart={RUN}>x</p><style>@keyframes a{{to{{width:2px}}}}</style>",
    f"<body onload={RUN}>",
    f"<p onmouseover={RUN} onclick={RUN} class=press>x</p>",
    f"<form action='javascript:{RUN}'><button class=press>x</button></form>",
    f"<button formaction='javascript:{RUN}' form=f class=press>x</button><form id=f></form>",
    LINK % "javascript",
    LINK % "java\tscript",
    LINK % "\x01javascript",
    LINK % "&#106;avascript&colon;void(0)||parent.ran.push(1);x",
    f"<svg><a><animate attributeName=href values='javascript:{RUN}'/><text y=20 class=press>x</text></a></svg>",
    f"<math><maction actiontype='statusline#x' xlink:href='javascript:{RUN}' class=press>x</maction></math>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<link rel=stylesheet href='data:text/css,*{{}}' onload={RUN}>",
    f"<a title='x\" onmouseover=\"{RUN}' class=press>x</a>",
    f"<![CDATA[><img src=x: onerror={RUN}>]]>",
    f"<!--><img src=x: onerror={RUN}>-->",
    f"<!--[if gte mso 9]><img src=x: onerror={RUN}><![endif]--><![if !mso]><img src=x: onerror={RUN}><![endif]>",
    f"<div>-- <br><img src=x: onerror={RUN}></div><blockquote><img src=x: onerror={RUN}></blockquote>",
    "<p>" * 600 + f"<img src=x: onerror={RUN}>",
]
EXECUTABLE = "script,iframe,object,embed,form,input,button,textarea,select,meta,link,base,svg,math,video,audio,template"
HARNESS = """
const { MailBody } = await import(%(module)s);
window.ran = [];
window.attempt = async (body, manner) => {
    window.ran.length = 0;
    const card = Object.create(MailBody.prototype), frame = document.createElement("iframe");
    const html = Object.assign(card, { props: { body }, state: { images: true } }).document();
    const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
    frame.sandbox = manner === "reader" ? %(sandbox)s : "allow-same-origin allow-scripts allow-forms";
    await new Promise((done) => {
        frame.onload = done;
        frame.srcdoc = manner === "raw" ? body.visible : manner === "bare" ? html.replace(policy, "") : html;
        document.body.append(frame);
    });
    for (const element of frame.contentDocument?.querySelectorAll(".press") || []) element.click?.();
    await new Promise((done) => setTimeout(done, 20));
    const content = frame.contentDocument.body.querySelectorAll(%(executable)s).length;
    frame.remove();
    return [window.ran.length, manner === "raw" ? 0 : content];
};
"""


def bodies():
    make_importable()
    from odoo.addons.lokario_inbox.tools.mime_message import parse_mail
    from odoo.addons.lokario_inbox.tools.quoted_html import fold_html
    from odoo.addons.lokario_inbox.tools.quoted_text import fold_text

    for vector in VECTORS:
        for subtype in ("html", "plain"):
            head = f"From: a@b.fr\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\r\n"
            mail = parse_mail(head.encode() + vector.encode())
            folded = fold_html(mail.body_html) if mail.body_html else fold_text(mail.body_text)
            yield {"kind": "html" if mail.body_html else "text", "is_cut": False, **vars(folded)}


@pytest.fixture(scope="module")
def browser():
    owl = "export class Component {}\n" + "".join(
        f"export const {name} = () => {{}};\n"
        for name in ("onMounted", "onWillUnmount", "onPatched", "useRef", "useState")
    )
    imports = {"imports": {"@odoo/owl": f"data:text/javascript,{quote(owl)}"}}
    module = f"data:text/javascript,{quote((INBOX / 'mail_body.js').read_text())}"
    sandbox = re.search(r'sandbox="([^"]+)"', (INBOX / "reader.xml").read_text())[1]
    values = {"module": module, "sandbox": sandbox, "executable": EXECUTABLE}
    script = HARNESS % {name: json.dumps(value) for name, value in values.items()}
    page = f'<script type="importmap">{json.dumps(imports)}</script><body><script type="module">{script}</script>'
    with Browser() as browser:
        browser.open(f"data:text/html,{quote(page)}")
        browser.wait("window.attempt")
        yield browser


def attempt(browser, body, manner):
    return browser.evaluate(f"attempt({json.dumps(body)}, {json.dumps(manner)})")


def test_nothing_of_a_mail_runs(browser):
    for body in bodies():
        for manner in ("reader", "bare") if body["kind"] == "html" else ("bare",):
            assert attempt(browser, body, manner) == [0, 0], (manner, body)


def test_the_vectors_run_where_nothing_stops_them(browser):
    ran = [attempt(browser, {"visible": vector}, "raw")[0] > 0 for vector in VECTORS]
    assert sum(ran) > len(VECTORS) // 3
