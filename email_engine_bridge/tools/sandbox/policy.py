"""What a tenant's template may contain: an allow-list on the Jinja2 syntax tree.

Jinja2's own sandbox stops escapes but not bombs, and its maintainers refuse in-process limits
(pallets/jinja issues 1691 and 2149), so everything that can multiply memory or time is refused here
before the template is compiled.
"""

from difflib import get_close_matches

from jinja2 import nodes

MAX_SOURCE = 512 * 1024  # characters
MAX_NODES = 20_000
MAX_DEPTH = 40  # nested expressions
MAX_LOOPS = 2  # nested {% for %}

FILTERS = {
    "abs", "capitalize", "d", "default", "e", "escape", "first", "float", "int", "join", "last",
    "length", "count", "lower", "number", "replace", "round", "string", "striptags", "title", "trim",
    "truncate", "upper", "urlencode",
}  # fmt: skip
TESTS = {
    "defined", "undefined", "none", "odd", "even", "number", "string", "mapping", "sequence", "in",
    "true", "false", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt",
    "greaterthan", ">", "ge", ">=", "divisibleby", "boolean", "integer", "float", "lower", "upper",
}  # fmt: skip

_STATEMENTS = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign)
_EXPRESSIONS = (
    nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.CondExpr, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add,
    nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.List, nodes.Tuple,
    nodes.Keyword, nodes.Slice,
)  # fmt: skip
ALLOWED = _STATEMENTS + _EXPRESSIONS
# A variable set from these could double itself line after line.
_NOT_IN_SET = (nodes.Concat, nodes.Add, nodes.List, nodes.Tuple)

_WHAT = {
    nodes.Call: "Function calls are not allowed",
    nodes.Macro: "Macros are not allowed",
    nodes.CallBlock: "Macros are not allowed",
    nodes.FilterBlock: "Filter blocks are not allowed; filter each value",
    nodes.Include: "Templates cannot include other templates",
    nodes.Import: "Templates cannot import other templates",
    nodes.FromImport: "Templates cannot import other templates",
    nodes.Extends: "Templates cannot extend other templates",
    nodes.Block: "Blocks are not allowed",
    nodes.AssignBlock: "Use {% set name = value %} instead of a set block",
    nodes.Pow: "Powers are not allowed",
    nodes.Dict: "Dictionaries cannot be written in a template",
    nodes.With: "Use {% set name = value %} instead of with",
    nodes.ScopedEvalContextModifier: "Escaping cannot be switched off",
    nodes.EvalContextModifier: "Escaping cannot be switched off",
}


class Refused(Exception):
    """The template breaks the rules; `needle` is the text to look for on line `lineno`."""

    def __init__(self, message, lineno=1, needle=""):
        super().__init__(message)
        self.message = message
        self.lineno = lineno
        self.needle = needle


def check(tree):
    """Raise `Refused` for the first forbidden construct of a parsed template."""
    counter = [0]
    for child in tree.iter_child_nodes():
        _check_node(child, 0, 0, counter)


def _check_node(node, depth, loops, counter):
    counter[0] += 1
    if counter[0] > MAX_NODES:
        raise Refused("The template is too complex", node.lineno)
    if depth > MAX_DEPTH:
        raise Refused("The expression is nested too deeply", node.lineno)
    if not isinstance(node, ALLOWED):
        raise Refused(_what(node), node.lineno, _needle(node))
    rule = _RULES.get(type(node))
    if rule:
        rule(node, loops)
    loops += isinstance(node, nodes.For)
    for child in node.iter_child_nodes():
        _check_node(child, depth + 1, loops, counter)


def _what(node):
    return _WHAT.get(type(node), f"{type(node).__name__} is not allowed in a template")


def _needle(node):
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return node.node.name
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
        return node.node.attr
    return {nodes.Pow: "**", nodes.Dict: "{"}.get(type(node), type(node).__name__.lower())


def _check_output(node, _loops):
    for part in node.nodes:
        if isinstance(part, nodes.List):
            raise Refused("A merge tag such as [FNAME] stands outside of {{ }}", part.lineno, "{{")


def _check_name(node, _loops):
    if node.name.startswith("_"):
        raise Refused(f"Names that start with an underscore are reserved: {node.name}", node.lineno, node.name)
    if node.name == "self":  # Jinja2's own
        raise Refused("self is not allowed in a template", node.lineno, node.name)


def _check_getattr(node, _loops):
    if node.attr.startswith("_"):
        raise Refused(f"Names that start with an underscore are reserved: {node.attr}", node.lineno, node.attr)


def _check_getitem(node, _loops):
    if isinstance(node.arg, nodes.Slice):
        if not all(part is None or isinstance(part, nodes.Const) for part in (node.arg.start, node.arg.stop)):
            raise Refused("A slice takes plain numbers", node.lineno, "[")
    elif not isinstance(node.arg, nodes.Const):
        raise Refused("A key in brackets must be a plain text or number", node.lineno, "[")
    elif isinstance(node.arg.value, str) and node.arg.value.startswith("_"):
        raise Refused("Names that start with an underscore are reserved", node.lineno, node.arg.value)


def _check_filter(node, _loops):
    if node.name not in FILTERS:
        close = _closest(node.name, FILTERS)
        raise Refused(f"Unknown or forbidden filter: {node.name}{close}", node.lineno, node.name)
    if node.dyn_args or node.dyn_kwargs:
        raise Refused("Arguments cannot be unpacked", node.lineno, node.name)
    if any(isinstance(keyword.key, str) and keyword.key == "attribute" for keyword in node.kwargs):
        raise Refused("The attribute argument is not allowed", node.lineno, node.name)


def _check_test(node, _loops):
    if node.name not in TESTS:
        raise Refused(f"Unknown or forbidden test: {node.name}", node.lineno, node.name)


def _check_for(node, loops):
    if loops >= MAX_LOOPS:
        raise Refused(f"Loops can be nested {MAX_LOOPS} deep at most", node.lineno, "for")
    if node.recursive:
        raise Refused("Recursive loops are not allowed", node.lineno, "recursive")
    if next(node.find_all(nodes.Assign), None):
        raise Refused("Variables cannot be set inside a loop", node.lineno, "for")


def _check_assign(node, _loops):
    if not isinstance(node.target, nodes.Name):
        raise Refused("Set one variable at a time", node.lineno, "set")
    if next(node.node.find_all(_NOT_IN_SET), None) or isinstance(node.node, _NOT_IN_SET):
        raise Refused("A variable is set from one value, without joining texts or lists", node.lineno, "set")


def _check_sequence(node, _loops):
    if not all(isinstance(item, nodes.Const | nodes.Name) for item in node.items) or len(node.items) > 100:
        raise Refused("A list in a template holds plain values only", node.lineno, "[")


def _closest(name, names):
    found = get_close_matches(name, names, 1)
    return f" (did you mean {found[0]}?)" if found else ""


_RULES = {
    nodes.Output: _check_output,
    nodes.Name: _check_name,
    nodes.Getattr: _check_getattr,
    nodes.Getitem: _check_getitem,
    nodes.Filter: _check_filter,
    nodes.Test: _check_test,
    nodes.For: _check_for,
    nodes.Assign: _check_assign,
    nodes.List: _check_sequence,
    nodes.Tuple: _check_sequence,
}
