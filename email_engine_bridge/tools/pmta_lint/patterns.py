"""Lines that start with a pattern or hold actions: E13, E15 and the shape of pattern lists."""

import re

from .findings import error
from .findings import translatable as _

REGEX = r"/(?:[^/\\]|\\.)*/"
PATTERN_LINE = re.compile(rf"(?:(?:mail-from|rcpt-to)\s+{REGEX}|header\s+\S+\s+{REGEX}|\*)(?:\s+(.+))?", re.I)
CATEGORY_LINE = re.compile(rf"{REGEX}\s+[a-z0-9-]+", re.I)
SETTING = r"(?:virtual-mta=[^\s,]+|recipient-priority=\d{1,3})"
RESULT = re.compile(rf"{SETTING}(?:,\s*{SETTING})*|call-to:\s*\S+", re.I)
REPLY = re.compile(rf"({REGEX})\s+(\S+)")
ACTION = re.compile(
    r"mode=(normal|backoff)|backoff-to-normal-after=(0|never|(\d+[wdhms])+)|skip-mx|bounce-queue|bounce-rcpt"
    r"|disable-source-ip|reenable-after=(0|never|(\d+[wdhms])+)|defer-queue",
    re.I,
)


NOTHING_TO_REPEAT = re.compile(r"(?:^|[(|])([*+])|(?:^|\|)(\?)")


def _check_regex(line, text):
    """E10: the first thing in a line's regular expressions that none of its dialects can read."""
    for regex in re.findall(REGEX, text):
        bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", regex[1:-1]))
        mark = "[" if "[" in bare else _unbalanced(bare)
        if not mark and (found := NOTHING_TO_REPEAT.search(bare)):
            mark = found[1] or found[2]
        if mark:
            return [error(line, "E10", _("%(regex)s is no regular expression: check %(mark)s"), regex=regex, mark=mark)]
    return []


def _unbalanced(bare):
    depth = 0
    for mark in re.findall(r"[()]", bare):
        depth += 1 if mark == "(" else -1
        if depth < 0:
            return ")"
    return "(" if depth else ""


def check_pattern_list(block):
    """Check the lines of a pattern list or of the bounce categories."""
    findings = []
    for line in block.directives():
        text = f"{line.keyword} {line.value}".strip()
        findings += _check_regex(line.line, text)
        if block.tag == "bounce-category-patterns":
            if not CATEGORY_LINE.fullmatch(text):
                findings.append(error(line.line, "E10", _("/regex/ category on one line expected")))
            continue
        match = PATTERN_LINE.fullmatch(text)
        if not match or (match[1] and not RESULT.fullmatch(match[1])):
            findings.append(error(line.line, "E10", _("a pattern and a result such as virtual-mta=NAME expected")))
    return findings


def pattern_targets(block, result=r"virtual-mta="):
    """Yield (line, name) of the VMTAs, or of another `result`, a pattern list leads to."""
    for line in block.directives():
        match = re.search(rf"\b{result}([^\s,]+)", line.value, re.I)
        if match:
            yield line.line, match[1]


def check_reply(directive):
    """E13: actions that contradict each other in one rule of a smtp-pattern-list."""
    match = REPLY.fullmatch(directive.value)
    if not match:
        return [error(directive.line, "E10", _("reply /regex/ ACTION[,ACTION] expected"))]
    if findings := _check_regex(directive.line, match[1]):
        return findings
    actions = [action.strip().lower() for action in match[2].split(",")]
    unknown = [action for action in actions if not ACTION.fullmatch(action)]
    if unknown:
        return [error(directive.line, "E13", _("unknown action %(action)s"), action=unknown[0])]
    problem = _contradiction(actions)
    return [error(directive.line, "E13", problem)] if problem else []


def _contradiction(actions):
    names = [action.partition("=")[0] for action in actions]
    if {"mode=backoff", "mode=normal"} <= set(actions):
        return _("mode=backoff with mode=normal")
    if {"skip-mx", "bounce-queue"} <= set(names):
        return _("skip-mx with bounce-queue")
    if "backoff-to-normal-after" in names and "mode=backoff" not in actions:
        return _("backoff-to-normal-after without mode=backoff")
    if "reenable-after" in names and "disable-source-ip" not in names[: names.index("reenable-after")]:
        return _("reenable-after without disable-source-ip before it")
    if any(names.count(name) > 1 for name in ("backoff-to-normal-after", "reenable-after")):
        return _("the same time twice")
    return ""


def check_mx(directive):
    """E15: the queue of a roll-up is named NAME.rollup; a wildcard needs rollup-by-ip."""
    words = directive.args
    if len(words) not in (2, 3) or not words[1].endswith(".rollup"):
        return [error(directive.line, "E15", _("mx PATTERN NAME.rollup expected"))]
    if len(words) == 3 and words[2] != "rollup-by-ip":
        return [error(directive.line, "E15", _("rollup-by-ip expected, found %(found)s"), found=words[2])]
    return []
