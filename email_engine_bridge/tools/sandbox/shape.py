"""Take a parsed template apart: what is the same in every message, and the holes between.

A campaign then evaluates, sends through pipes and encodes a few short values a message instead of all of it.
"""

import secrets

from jinja2 import nodes

# Ends each hole in the rendered stream. Drawn for every worker, so that no recipient's data can be one.
MARK = "\0" + secrets.token_hex(16)


def take_apart(tree):
    """(literals, holes, tree of the holes alone): the text is literals[0], value of holes[0], literals[1] …

    Equal expressions share one hole. Variables set by the template tie its statements together, so such
    a template is one single hole.
    """
    literals, holes, bodies = [""], [], {}
    if tree.find(nodes.Assign):
        literals, holes, bodies = ["", ""], [0], {"": tree.body}
    else:
        for node in _flat(tree.body):
            if isinstance(node, nodes.TemplateData):
                literals[-1] += node.data
                continue
            key = repr(node)
            holes.append(list(bodies).index(key) if key in bodies else len(bodies))
            statement = nodes.Output([node]) if isinstance(node, nodes.Expr) else node
            bodies.setdefault(key, [statement])
            literals.append("")
    mark = nodes.Output([nodes.TemplateData(MARK)])
    body = [node for statements in bodies.values() for node in (*statements, mark)]
    return literals, holes, nodes.Template(body, lineno=1).set_lineno(1)


def whole(tree):
    """The same for a text that must be checked as one: a single hole."""
    mark = nodes.Output([nodes.TemplateData(MARK)])
    return ["", ""], [0], nodes.Template([*tree.body, mark], lineno=1).set_lineno(1)


def _flat(body):
    for node in body:
        if isinstance(node, nodes.Output):
            yield from node.nodes
        else:
            yield node
