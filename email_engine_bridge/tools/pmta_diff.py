"""What changed between two configurations, in words a person reads: "IP x: 50/d → 200/d"."""

from .pmta_lint import parse


def semantic_diff(old, new):
    """Return sentences about what differs between two configuration texts, in a stable order."""
    before, after = _facts(old), _facts(new)
    sentences = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        sentences.append(_sentence(key, was, now))
    return sentences


def _sentence(key, was, now):
    subject = " ".join(part for part in key if part)
    if was is None:
        return f"+ {subject}: {_join(now)}".rstrip(": ")
    if now is None:
        return f"- {subject}: {_join(was)}".rstrip(": ")
    if len(was) == len(now) == 1:
        return f"{subject}: {was[0]} → {now[0]}"
    changes = [f"-{value}" for value in was if value not in now] + [f"+{value}" for value in now if value not in was]
    return f"{subject}: {', '.join(changes) or 'another order'}"


def _join(values):
    return ", ".join(values)


def _facts(text):
    """Return {(owner, directive): [values]}; the rate of a VirtualMTA is that of its IP."""
    root, _findings = parse(text)
    facts = {}
    for block, parent in root.walk():
        owner = _owner(block, parent)
        if block is not root and not block.directives():
            facts.setdefault((owner, ""), [])
        for directive in block.directives():
            facts.setdefault(_key(owner, directive), []).append(_value(directive))
    return facts


def _owner(block, parent):
    if block.tag == "Global":
        return ""
    if block.tag == "virtual-mta":
        sources = block.directives("smtp-source-host")
        return f"IP {sources[0].args[0]}" if sources and sources[0].args else f"VirtualMTA {block.name}"
    if block.tag == "virtual-mta-pool":
        return f"pool {block.name}"
    inside = _owner(parent, None) if parent is not None and parent.tag != "Global" else ""
    return " ".join(part for part in (inside, block.tag, block.name) if part)


def _key(owner, directive):
    if owner.startswith("IP ") and directive.keyword == "max-smtp-msg-rate":
        return (owner, "")
    if directive.keyword in ("domain-macro", "reply", "mail-from"):
        return (owner, f"{directive.keyword} {directive.value.partition(' ')[0]}")
    return (owner, directive.keyword)


def _value(directive):
    if directive.keyword in ("domain-macro", "reply", "mail-from"):
        return directive.value.partition(" ")[2]
    return directive.value
