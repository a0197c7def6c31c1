"""From text to a tree of blocks and directives (User's Guide, chapter on the configuration file)."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .findings import error
from .findings import translatable as _

FACTS = json.loads((Path(__file__).parent / "directives.json").read_text(encoding="utf-8"))
NAMED_BLOCKS = frozenset(FACTS["blocks"]["named"])
UNNAMED_BLOCKS = frozenset(FACTS["blocks"]["unnamed"])
DOMAIN_PARENTS = ("Global", "virtual-mta", "virtual-mta-pool")
# Blocks that live inside others; every other block belongs to the top of the file.
NESTED_BLOCKS = {
    "domain": DOMAIN_PARENTS,
    "address-list": ("Global", "bounce-processor", "feedback-loop-processor"),
    "email-patterns": ("bounce-processor", "feedback-loop-processor"),
    "pattern-list": ("Global", "pattern-list"),
}
UNNAMED_WHEN_NESTED = ("address-list", "pattern-list", "email-patterns")
# Lines of these blocks start with a pattern, not with a directive's name.
PATTERN_BLOCKS = ("pattern-list", "bounce-category-patterns")
FREE_NAME_BLOCKS = ("acct-file", "spool", "smtp-listener", "transmissions-api-listener")

TAG = re.compile(r"<\s*(/?)\s*([A-Za-z][A-Za-z0-9-]*)\s*(.*?)\s*>")
TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass
class Directive:
    keyword: str
    value: str
    line: int

    @property
    def args(self):
        """Return the words of the value; quotes are taken off."""
        return [unquote(quoted) if quoted or not word else word for quoted, word in TOKEN.findall(self.value)]


@dataclass
class Block:
    tag: str
    name: str
    line: int
    children: list = field(default_factory=list)

    def blocks(self, *tags):
        return [child for child in self.children if isinstance(child, Block) and child.tag in tags]

    def directives(self, *keywords):
        return [
            child
            for child in self.children
            if isinstance(child, Directive) and (not keywords or child.keyword in keywords)
        ]

    def walk(self):
        """Yield (block, ancestor) of this block and everything below."""
        stack = [(self, None)]
        while stack:
            block, parent = stack.pop()
            yield block, parent
            stack.extend((child, block) for child in reversed(block.children) if isinstance(child, Block))

    def as_tuple(self):
        """Return the tree without line numbers, to compare it."""
        return (
            self.tag,
            self.name,
            tuple(
                child.as_tuple() if isinstance(child, Block) else (child.keyword, child.value)
                for child in self.children
            ),
        )


def unquote(text):
    return re.sub(r"\\(.)", r"\1", text)


def parse(text):
    """Return (root block, findings of the tags: E2 and E3)."""
    root = Block("Global", "", 0)
    open_blocks, findings = [root], []
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        pattern_line = _opens_nested_list(open_blocks[-1], line)
        tag = TAG.fullmatch(line)
        if pattern_line:
            open_blocks[-1].children.append(_directive(pattern_line, number))
            tag = TAG.fullmatch("<pattern-list>")
        if not tag:
            open_blocks[-1].children.append(_directive(line, number))
        elif tag[1]:
            findings += _close(open_blocks, tag[2].lower(), number)
        else:
            findings += _open(open_blocks, Block(tag[2].lower(), tag[3], number))
    findings += [error(block.line, "E2", _("<%(tag)s> is never closed"), tag=block.tag) for block in open_blocks[1:]]
    return root, findings


def _directive(line, number):
    keyword, value = re.match(r"(\S+)\s*(.*)", line, re.S).groups()
    return Directive(keyword if keyword.startswith("/") else keyword.lower(), value, number)


def _opens_nested_list(block, line):
    """Return the pattern before a nested `<pattern-list>` on the same line, if there is one."""
    if block.tag == "pattern-list" and line.endswith("<pattern-list>") and not line.startswith("<"):
        return line.removesuffix("<pattern-list>").strip()
    return ""


def _close(open_blocks, tag, number):
    if len(open_blocks) > 1 and open_blocks[-1].tag == tag:
        open_blocks.pop()
        return []
    if len(open_blocks) == 1:
        return [error(number, "E2", _("</%(tag)s> closes nothing"), tag=tag)]
    inner = open_blocks[-1]
    if any(block.tag == tag for block in open_blocks[1:]):
        while open_blocks.pop().tag != tag:
            continue
    text = _("</%(tag)s> found, but <%(open)s> of line %(opened)s is open")
    return [error(number, "E2", text, tag=tag, open=inner.tag, opened=inner.line)]


def _open(open_blocks, block):
    parent = open_blocks[-1]
    parent.children.append(block)
    open_blocks.append(block)
    if block.tag not in NAMED_BLOCKS | UNNAMED_BLOCKS:
        return [error(block.line, "E1", _("unknown block <%(tag)s>"), tag=block.tag)]
    if parent.tag not in NESTED_BLOCKS.get(block.tag, ("Global",)):
        if parent.tag == "Global":
            return [error(block.line, "E2", _("<%(tag)s> may not be at the top of the file"), tag=block.tag)]
        return [
            error(block.line, "E2", _("<%(tag)s> may not be inside <%(parent)s>"), tag=block.tag, parent=parent.tag)
        ]
    return _check_name(block, parent)


def _check_name(block, parent):
    """Check how a block is named: E3 for domains, E2 for the others."""
    words = block.name.split()
    if block.tag == "domain":
        if len(words) == 1 and "," not in block.name:
            return []
        if not words:
            return [error(block.line, "E3", _("<domain> takes exactly one pattern, found none"))]
        return [error(block.line, "E3", _("<domain> takes exactly one pattern, found %(found)s"), found=block.name)]
    if block.tag in FREE_NAME_BLOCKS:
        return [] if words else [error(block.line, "E2", _("<%(tag)s> needs a name"), tag=block.tag)]
    is_nested = parent.tag != "Global"
    if block.tag == "address-list" and is_nested and len(words) <= 1:
        return []  # the guide shows it both ways
    unnamed = block.tag in UNNAMED_BLOCKS or (block.tag in UNNAMED_WHEN_NESTED and is_nested)
    if unnamed and words:
        return [error(block.line, "E2", _("<%(tag)s> takes no name"), tag=block.tag)]
    if not unnamed and len(words) != 1:
        return [error(block.line, "E2", _("<%(tag)s> needs one name without spaces"), tag=block.tag)]
    return []
