"""Compile and render tenants' templates under caps; runs inside the fenced worker."""

import signal
import unicodedata
from collections import OrderedDict
from functools import wraps
from urllib.parse import quote

import jinja2.debug  # noqa: F401 loaded now: the fenced worker cannot open files later
from jinja2 import TemplateSyntaxError, Undefined, nodes
from jinja2.runtime import Context, LoopContext, missing
from jinja2.sandbox import SandboxedEnvironment

from . import loose_numbers, merge_tags, policy
from .shape import MARK, take_apart, whole
from .style_blocks import keep_braces

MAX_OUTPUT = 2 * 1024 * 1024  # characters of one rendered part
MAX_TEXT = 256 * 1024  # characters of one value inside an expression
MAX_ROUNDS = 20_000  # loop rounds of one rendered part
MAX_CPU = 0.1  # seconds of processor time of one rendered message
CACHED = 128  # compiled parts kept
BREAKS = ("Cc", "Zl", "Zp", "Cs")  # Unicode's categories of what no header may hold; joiners are no control characters
LOOP_ATTRIBUTES = {"index", "index0", "first", "last", "length", "revindex", "revindex0"}


class RenderError(Exception):
    """Rendering was stopped; the text says why."""


class TagContext(Context):
    """Finds a value under the name of its merge tag, too: MailWizz's own templates say `{{ FNAME }}`."""

    def resolve_or_missing(self, key):
        value = super().resolve_or_missing(key)
        if value is missing and key.isupper():
            value = super().resolve_or_missing(merge_tags.VARIABLES.get(key, key.lower()))
        return value


class Environment(SandboxedEnvironment):
    """Mapping look-ups and plain arithmetic only; names that are missing are noted."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})
    intercepted_unops = frozenset()
    context_class = TagContext

    def __init__(self, *, autoescape, keep_tags):
        self.missing = set()
        self.rounds = 0
        super().__init__(
            autoescape=autoescape,
            undefined=_noting_undefined(self),
            finalize=_neutralised if keep_tags else _shown,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {name: _bounded(function) for name, function in self.filters.items() if name in policy.FILTERS}
        self.filters |= {"_merge_tag": merge_tags.merge_tag, "_rounds": self._count_rounds, "urlencode": _urlencode}
        self.filters |= {"replace": _replace, "number": _number, "truncate": _truncate, "join": _join}
        self.filters |= {"default": _default, "d": _default, "_as_number": loose_numbers.as_number}
        self.tests = {name: test for name, test in self.tests.items() if name in policy.TESTS}
        self.tests["none"] = _is_nothing

    def getattr(self, obj, attribute):
        if type(obj) is dict:
            value = obj.get(attribute)
            return self._nothing(obj, attribute) if value is None else value
        if isinstance(obj, LoopContext) and attribute in LOOP_ATTRIBUTES:
            return getattr(obj, attribute)
        return self._nothing(obj, attribute)

    def getitem(self, obj, argument):
        if isinstance(obj, dict | list | tuple | str):
            try:
                value = obj[argument]
            except (KeyError, IndexError, TypeError):
                value = None
            if value is not None:
                return value
        return self._nothing(obj, argument)

    def _nothing(self, obj, name):
        parent = f"{obj._undefined_name}." if isinstance(obj, Undefined) else ""
        return self.undefined(name=f"{parent}{name}")

    def call_binop(self, context, operator, left, right):
        both_text = operator == "+" and isinstance(left, str) and isinstance(right, str)
        if not both_text:
            left, right = loose_numbers.as_number(left), loose_numbers.as_number(right)
        if both_text or (_is_number(left) and _is_number(right)):
            return _checked(super().call_binop(context, operator, left, right))
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            return ""
        raise RenderError(f"{operator} needs two numbers")

    def _count_rounds(self, sequence):
        items = sequence if isinstance(sequence, list | tuple) else list(sequence or ())
        self.rounds += len(items)
        if self.rounds > MAX_ROUNDS:
            raise RenderError(f"The loops of this template run more than {MAX_ROUNDS} rounds")
        return items


def _noting_undefined(environment):
    class Missing(Undefined):
        """Renders as an empty text, also for a.b.c, and notes its name."""

        def _note(self):
            environment.missing.add(str(self._undefined_name))
            return ""

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Missing(name=f"{self._undefined_name}.{name}")

        def __getitem__(self, name):
            return Missing(name=f"{self._undefined_name}.{name}")

        def __str__(self):
            return self._note()

        def __html__(self):
            return self._note()

        def __iter__(self):
            self._note()
            return iter(())

        def __len__(self):
            return 0

        def __eq__(self, other):
            return isinstance(other, Undefined)

        __hash__ = Undefined.__hash__
        _fail_with_undefined_error = __lt__ = __le__ = __gt__ = __ge__ = lambda self, *args, **kw: False
        __float__ = __int__ = __len__

    return Missing


def _neutralised(value):
    return merge_tags.neutralise(value) if isinstance(value, str) and "[" in value else _shown(value)


def _shown(value):
    return "" if value is None else value


def _is_nothing(value):
    return value is None or isinstance(value, Undefined)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15  # NaN is none


def _checked(value):
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise RenderError("A value of this template grows too long")
    return value


def _bounded(function):
    """The filter with its result checked; attributes such as pass_context stay."""

    @wraps(function)
    def bounded(*args, **kwargs):
        return _checked(function(*args, **kwargs))

    return bounded


def _replace(text, old, new, count=None):
    text, old, new = str(text), str(old), str(new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise RenderError("A value of this template grows too long")
    return text.replace(old, new, -1 if count is None else count)


def _truncate(text, length=255, end="…"):
    text = str(text)
    return text if len(text) <= length else text[: max(int(length), 0)] + str(end)


def _join(values, separator=""):
    parts = [str(value) for value in (values or ())]
    if sum(map(len, parts)) + len(parts) * len(str(separator)) > MAX_TEXT:
        raise RenderError("A value of this template grows too long")
    return str(separator).join(parts)


def _default(value, instead="", boolean=False):
    """The other value for one that is missing or empty; a recipient's empty column is no name."""
    is_empty = isinstance(value, Undefined) or value is None or (isinstance(value, str) and not value.strip())
    return instead if is_empty or (boolean and not value) else value


def _urlencode(value):
    return quote(str(value), safe="~")


def _number(value, decimals=0, thousands=" ", point=","):
    """`1234.5 | number(2)` -> `1 234,50`, the French way by default."""
    try:
        digits = f"{float(value):,.{max(0, min(int(decimals), 8))}f}"
    except (TypeError, ValueError):
        return ""
    return digits.replace(",", "\0").replace(".", str(point)).replace("\0", str(thousands))


class Part:
    """A compiled part of messages: `literals`, and `holes` filled from the values that `render` gives."""

    def __init__(self, environment, tree, kind):
        self.environment = environment
        self.kind = kind
        self.literals, self.holes, holes_alone = whole(tree) if kind == "header" else take_apart(tree)
        for node in holes_alone.find_all(nodes.Node):
            node.environment = environment
        holes_alone.environment = environment
        code = environment.compile(holes_alone)
        self._template = environment.template_class.from_code(environment, code, {})
        self._fixed = sum(map(len, self.literals))

    def render(self, values):
        """The value of each distinct hole."""
        environment = self.environment
        environment.missing = set()
        environment.rounds = 0
        found, chunks, size = [], [], self._fixed
        for chunk in self._template.root_render_func(self._template.new_context(values, shared=True)):
            if chunk != MARK:
                size += len(chunk)
                if size > MAX_OUTPUT:
                    raise RenderError(f"The message is longer than {MAX_OUTPUT} characters")
                chunks.append(chunk)
            else:
                found.append("".join(chunks))
                chunks = []
        if len(self.holes) > len(found) and self._fixed + sum(len(found[hole]) for hole in self.holes) > MAX_OUTPUT:
            raise RenderError(f"The message is longer than {MAX_OUTPUT} characters")
        return [_one_line(found[0])] if self.kind == "header" else found


class Engine:
    """Compiled parts, kept by (source, kind, keep_tags).

    kind: "html" (escaped), "text" (as is) or "header" (as is, on one line).
    """

    def __init__(self):
        self._environments = {}
        self._parts = OrderedDict()

    def parse(self, source, kind, keep_tags=False):
        """Checked syntax tree, with merge tags translated unless MailWizz is to render them."""
        if len(source) > policy.MAX_SOURCE:
            raise policy.Refused(f"The template is longer than {policy.MAX_SOURCE} characters")
        environment = self.environment(kind, keep_tags)
        try:
            tree = environment.parse(keep_braces(source) if kind == "html" else source)
        except RecursionError as error:
            raise policy.Refused("The expression is nested too deeply") from error
        policy.check(tree)
        loose_numbers.compare_as_numbers(tree)
        if not keep_tags:
            merge_tags.translate(tree)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_rounds", [], [], None, None, lineno=loop.lineno)
        return tree

    def environment(self, kind, keep_tags=False):
        key = (kind == "html", keep_tags)
        if key not in self._environments:
            self._environments[key] = Environment(autoescape=key[0], keep_tags=keep_tags)
        return self._environments[key]

    def compiled(self, source, kind, keep_tags=False):
        key = (source, kind, keep_tags)
        part = self._parts.get(key)
        if part is None:
            part = Part(self.environment(kind, keep_tags), self.parse(source, kind, keep_tags), kind)
            self._parts[key] = part
            if len(self._parts) > CACHED:
                self._parts.popitem(last=False)
        self._parts.move_to_end(key)
        return part

    def variables(self, source):
        """Names used by the template, dotted, in order of first appearance; tags as `[TAG]`."""
        found = []
        _collect_names(self.parse(source, "html"), frozenset(), found)
        return list(dict.fromkeys(found))

    def render(self, parts, values):
        """(values of the parts' holes, names that were missing) of one message; parts: [(source, kind, keep_tags)]."""
        values = {name: value for name, value in values.items() if value is not None}
        absent, found = set(), []
        signal.setitimer(signal.ITIMER_VIRTUAL, MAX_CPU)
        try:
            for source, kind, keep_tags in parts:
                part = self.compiled(source, kind, keep_tags)
                found += part.render(values)
                absent |= part.environment.missing
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return found, absent

    def shapes(self, parts):
        """[(literals, holes)] of the parts; holes are places in the values that `render` gives."""
        result, start = [], 0
        for source, kind, keep_tags in parts:
            part = self.compiled(source, kind, keep_tags)
            result.append((part.literals, [start + hole for hole in part.holes]))
            start += max(part.holes, default=-1) + 1
        return result


def _one_line(text):
    """A header value: control characters, CR and LF among them, become spaces."""
    if text.isprintable():
        return text.strip()
    text = "".join(" " if unicodedata.category(char) in BREAKS else char for char in text)
    return " ".join(filter(None, text.split(" ")))


def _collect_names(node, bound, found):
    if isinstance(node, nodes.For):
        _collect_names(node.iter, bound, found)
        inner = bound | {name.name for name in node.target.find_all(nodes.Name)} | {"loop"}
        if isinstance(node.target, nodes.Name):
            inner |= {node.target.name}
        for child in [*node.body, *node.else_, *([node.test] if node.test else [])]:
            _collect_names(child, inner, found)
        return
    if isinstance(node, nodes.Filter) and node.name == "_merge_tag":
        found.append(f"[{node.node.value}]")
        return
    path = _dotted(node)
    if path:
        if path.split(".")[0] not in bound:
            found.append(path)
        return
    for child in node.iter_child_nodes():
        _collect_names(child, bound, found)


def _dotted(node):
    if isinstance(node, nodes.Name):
        return node.name if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        parent = _dotted(node.node)
        return parent and f"{parent}.{node.attr}"
    return None


def describe(error, source):
    """{message, line, column} of a refused template or one that does not parse."""
    if isinstance(error, policy.Refused):
        message, lineno, needle = error.message, error.lineno, error.needle
    elif isinstance(error, TemplateSyntaxError):
        message, lineno, needle = error.message or "Syntax error", error.lineno, _quoted(error.message)
    else:
        message, lineno, needle = str(error) or type(error).__name__, 1, ""
    lineno = lineno or 1  # some nodes carry none
    lines = source.split("\n")
    line = lines[lineno - 1] if 0 < lineno <= len(lines) else ""
    column = next((line.find(text) + 1 for text in (needle, "{%", "{{") if text and text in line), 1)
    return {"message": message, "line": lineno, "column": column}


def _quoted(message):
    parts = (message or "").split("'")
    return parts[1] if len(parts) > 2 else ""
