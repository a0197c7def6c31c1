"""Numbers that came as text: what a CSV holds is text, and `{% if age > 18 %}` means its number."""

import math

from jinja2 import Undefined, nodes

ORDERED = ("eq", "ne", "gt", "gteq", "lt", "lteq")


def as_number(value):
    """The number a text spells, as people write it (12.5 or 12,5); NaN for other texts; anything else as it is."""
    if isinstance(value, Undefined) or not isinstance(value, str):
        return value
    try:
        number = float(value.strip().replace(",", ".", 1).replace("\u00a0", "").replace(" ", ""))
    except ValueError:
        return math.nan
    return int(number) if number.is_integer() else number


def compare_as_numbers(tree):
    """Let what a parsed template compares with a number be one."""
    for compare in tree.find_all(nodes.Compare):
        operands = [compare.expr, *(operand.expr for operand in compare.ops)]
        if any(map(_is_number, operands)) and all(operand.op in ORDERED for operand in compare.ops):
            compare.expr = _as_number(compare.expr)
            for operand in compare.ops:
                operand.expr = _as_number(operand.expr)


def _is_number(node):
    node = node.node if isinstance(node, nodes.Neg) else node
    return isinstance(node, nodes.Const) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _as_number(node):
    return node if _is_number(node) else nodes.Filter(node, "_as_number", [], [], None, None, lineno=node.lineno)
