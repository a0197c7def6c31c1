import time

from odoo.tests import BaseCase, tagged

from odoo.addons.lokario_inbox.tools.mime_html import sanitise
from odoo.addons.lokario_inbox.tools.visible_text import visible_text

HIDDEN_BY_STYLE = (
    *("display:none", "visibility: hidden", "visibility:collapse", "opacity:0", "opacity: .05", "mso-hide:all"),
    *("font-size:0", "font-size:1px", "font: 1px Arial", "font-size:2pt", "line-height:0", "transform:scale(0)"),
    *("position:absolute;left:-9999px", "position:absolute;top:-999em", "text-indent:-9999px", "margin-left:-5000px"),
    *("transform: translateX(-10000px)", "clip:rect(0,0,0,0)", "clip-path: inset(50%)", "max-height:0px", "width:1px"),
    *(
        "color:#fff",
        "color:#FEFEFE",
        "color:white",
        "color:rgb(255,255,255)",
        "color:rgba(0,0,0,0)",
        "color:transparent",
    ),
    *("color:#012;background-color:#012", "background:navy;color:#000080", "COLOR: Ivory !important"),
)
HIDDEN_OTHERWISE = (
    "<p>Bonjour</p><div hidden>06</div>suite",
    '<p>Bonjour</p><div aria-hidden="true">06</div>suite',
    "<style>.x{color:red} .k{display:none}</style><p>Bonjour</p><span class='k'>06</span>suite",
    "<style>div > #zz {position:absolute;left:-9999px}</style><p>Bonjour</p><span id='zz'>06</span>suite",
    "<html><head><style>@media all{.q{font-size:0px}}</style></head><p>Bonjour</p><b class=q>06</b>suite",
    "<p>Bonjour</p><!-- 06 -->suite",
    '<p>Bonjour</p><img alt="06" src="x">suite',
    "<p>Bonjour</p><input type=hidden value=06>suite",
    "<p>Bonjour</p><template>06</template>suite",
    "<p>Bonjour</p><font size=0>06</font><font color=white>06</font>suite",
    "<p>Bon\u200bjour</p>su\u00adi\u2060te",
    '<table bgcolor="#000000"><td style="color:ivory">Bonjour <font color="#000000">06</font>suite</td></table>',
)


@tagged("post_install", "-at_install")
class TestHiddenText(BaseCase):
    def test_hidden_text_lends_nothing(self):
        """Whatever hides it, before and after the sanitiser took the means away."""
        for case in HIDDEN_BY_STYLE:
            self.assert_hidden(f'<p>Bonjour</p><div style="{case}">06 12 34 56 78</div>suite')
        for case in HIDDEN_OTHERWISE:
            self.assert_hidden(case)

    def assert_hidden(self, markup):
        for stored in (markup, sanitise(markup)):
            self.assertEqual(visible_text(stored).split(), ["Bonjour", "suite"], markup)

    def test_ordinary_mail_loses_nothing(self):
        for markup in (
            '<p style="color:#1f497d;font-size:11pt">Bonjour</p>suite',
            '<table style="background-color:#003366"><tr><td style="color:#ffffff">Bonjour suite</td></tr></table>',
            "<style>p.MsoNormal{margin:0cm;font-size:11pt} a{color:#0563C1} div.W td{display:none}</style>"
            "<div class=W><p class=MsoNormal>Bonjour <a href=x>suite</a></p><table><tr><td></td></tr></table></div>",
            '<div style="width:100%;max-width:600px;height:40px;margin:-10px;line-height:1">Bonjour suite</div>',
            '<p dir="rtl" style="display:block;opacity:.9">Bonjour</p><p hidden=""></p>suite',
        ):
            for stored in (markup, sanitise(markup)):
                self.assertEqual(visible_text(stored).split(), ["Bonjour", "suite"], markup)

    def test_a_hostile_style_block_costs_little(self):
        rules = "".join(f".c{index % 7}.d{index}{{display:block}}" for index in range(20_000))
        markup = f"<style>{rules}</style>" + "".join(f"<p class='c{index % 7}'>x" for index in range(40_000))
        begun = time.process_time()  # the clock says little on a shared machine
        sanitise(markup)
        self.assertLess(time.process_time() - begun, 10)
