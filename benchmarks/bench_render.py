"""Templates: our fenced worker beside plain compiled Jinja2 and compiling each time; bombs and escapes counted."""

import time

import jinja2

from lokario_cli.console import say
from lokario_testing.results import Result, median, seconds

from .engine_environment import make_importable

BATCH = 100
BATCHES = 20
ROUNDS = 7
COMPILES = 40
PARAGRAPH = (
    "<p style='color:#333;margin:0 0 12px'>Bonjour {{ first_name }}, %d lorem ipsum dolor sit amet {{ company }}, "
    "commande {{ order.total }}. {%% if vip %%}Merci !{%% endif %%}</p>\n"
)
MAIL = (
    "<html><body>"
    + "".join(PARAGRAPH % number for number in range(20))
    + "<ul>{% for line in order.lines %}<li>{{ line.name }} {{ line.price }}</li>{% endfor %}</ul></body></html>"
)


def run():
    make_importable()
    from odoo.addons.email_engine_bridge.tests.template_corpus import BOMBS, ESCAPES
    from odoo.addons.email_engine_bridge.tools.template_renderer import TemplateRenderer
    from odoo.addons.email_engine_bridge.tools.template_sandbox import TemplateSandbox

    sandbox = TemplateSandbox()
    try:
        return [*_speed(sandbox), *_fences(TemplateRenderer(sandbox), sandbox, BOMBS, ESCAPES)]
    finally:
        sandbox.close()


def _rows():
    lines = [{"name": "Thé", "price": 3}] * 5
    return [
        {"first_name": f"N{n}", "company": "A & B", "vip": n % 2 == 0, "order": {"total": n, "lines": lines}}
        for n in range(BATCH)
    ]


def _speed(sandbox):
    rows, parts = _rows(), [(MAIL, "html", False)]
    plain = jinja2.Environment(autoescape=True).from_string(MAIL)
    assert [text for [text] in sandbox.render_batch(parts, rows).texts] == [plain.render(row) for row in rows]

    def compile_each():
        for row in rows[:COMPILES]:
            jinja2.Environment(autoescape=True).from_string(MAIL).render(row)

    timings = []
    for _round in range(ROUNDS):  # in turn, so that a noisy machine is unfair to none
        ours = seconds(lambda: [sandbox.render_batch(parts, rows).texts for _batch in range(BATCHES)])
        theirs = seconds(lambda: [plain.render(row) for _batch in range(BATCHES) for row in rows])
        timings.append((BATCH * BATCHES / ours, BATCH * BATCHES / theirs, COMPILES / seconds(compile_each)))
    ours, theirs, compiling = (median(list(column)) for column in zip(*timings, strict=True))
    return [
        Result("render, beside compiled Jinja2", ours, theirs, "ratio >= 0.8", "mails/s"),
        Result("render, beside compiling each time", ours, compiling, "ratio >= 25", "mails/s"),
    ]


def _fences(renderer, sandbox, bombs, escapes):
    from odoo.addons.email_engine_bridge.exceptions import TemplateRejected
    from odoo.addons.email_engine_bridge.tests.template_corpus import DATA

    renderer.render("warm {{ up }}", {})
    idle, slowest, stopped, escaped = _peak(sandbox), 0.0, 0, 0
    for source in bombs:
        start = time.perf_counter()
        try:
            renderer.render(source, DATA)
        except TemplateRejected:
            stopped += 1
        slowest = max(slowest, time.perf_counter() - start)
        renderer.render("still serving", {})
    for source in escapes:
        try:
            text = renderer.render(source, DATA)
        except TemplateRejected:
            continue
        escaped += any(word in text for word in ("class", "object", "function", "root:", "/usr"))
    say(f"  {len(bombs)} bombs, {len(escapes)} escapes")
    return [
        Result("bombs not stopped", len(bombs) - stopped, None, "ours <= 0", "bombs"),
        Result("slowest bomb", slowest * 1000, None, "ours <= 200", "ms"),
        Result("memory above the idle worker", (_peak(sandbox) - idle) / 1024, None, "ours <= 64", "MB"),
        Result("escapes that got out", escaped, None, "ours <= 0", "escapes"),
    ]


def _peak(sandbox):
    with open(f"/proc/{sandbox.pid}/status") as status:
        return int(status.read().split("VmHWM:")[1].split()[0])
