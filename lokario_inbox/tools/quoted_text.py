"""Fold what a mail repeats of earlier ones, and its signature; nothing is ever cut from the store.

The rule is to fold too little rather than too much: only a tail in which the newest author wrote
nothing is a quotation, answers between or below quoted lines stay visible.
"""

import re
from dataclasses import dataclass

from .quoted_words import (
    ADDRESS,
    BY_A_PROGRAM,
    DATE,
    ENDS,
    HEADER_LINE,
    MOBILE,
    NAMED,
    OPENING,
    SEPARATOR,
    SIGNATURE,
    TIME,
    TURNS,
    VERB,
)

_MARK = re.compile(r"^\s*[>|]")
_SHARED = re.compile(r"^\s*([^\s>|].*?)(?:\s|-{2,}\s*)((?:On|Le|Am|El|Il|Op|Em) .*)$")
_RULE = re.compile(r"\s*[-_=]{4,}\s*")
_MAX_LINES = 5000  # a longer text is shown whole
MAX_SIGNATURE = 12  # lines; a longer tail is text
_ATTRIBUTION_MAX = 400  # characters
_ATTRIBUTION_LINES = 6  # into which a program, or the program of who answered, broke it


@dataclass(frozen=True)
class Folded:
    visible: str
    signature: str = ""
    quoted: str = ""


def fold_text(text: str | None) -> Folded:
    """Split a plain text into what its author wrote, the signature and the quoted tail."""
    lines = (text or "").splitlines()
    if len(lines) > _MAX_LINES:
        return Folded(text or "")
    lines = _apart(lines)
    cut = _quote_start(lines)
    if not "".join(lines[:cut]).strip():
        return Folded(visible=text or "")  # a bare forward: the quotation is the message
    end = _signature_start(lines[:cut])
    return Folded(
        "\n".join(lines[:end]).rstrip(),
        "\n".join(lines[end:cut]).strip("\n"),
        "\n".join(lines[cut:]).strip("\n"),
    )


def is_attribution(text: str) -> bool:
    """Return whether the text is the line that a mail program writes above a quotation."""
    text = " ".join(TURNS.sub("", text).split()).replace("< ", "<").replace(" >", ">").strip(" -*_|")
    if not 8 <= len(text) < _ATTRIBUTION_MAX:
        return False
    has_address, ends = bool(ADDRESS.search(text)), bool(ENDS.search(text))
    is_dated = bool(DATE.search(text) or TIME.search(text))
    verb = next((found for found in reversed(list(VERB.finditer(text)))), None)
    if not verb or (verb[0].lower() == "sent" and not has_address):
        is_named = re.search(r"<[^<>\s]*@[^<>\s]*>\s*[:\uff1a]?$", text) and (ends or _begins_with_date(text))
        return is_dated and bool(is_named or NAMED.search(text))
    if not ends:
        return (has_address and is_dated and verb.end() >= len(text) - 4) or _is_between_dashes(text, verb)
    is_opened = bool(OPENING.match(text)) and bool(re.search(r"[\d@]", text))
    is_timed = bool(DATE.search(text) and TIME.search(text))
    return is_opened or has_address or is_timed or bool(re.search(r"\d", text[: verb.start()]))


def _is_between_dashes(text, verb):
    return verb.end() >= len(text) - 4 and text[:1].isupper() and text.count(" ") < 6


def _begins_with_date(text):
    return bool(re.match(r"(?:19|20)\d\d[./-]|\d{1,2}[./-]\d{1,2}[./-]\d", text))


def is_header_block(lines: list[str]) -> bool:
    """Return whether the lines open like the headers that a mail program repeats above a quoted mail."""
    first = {name for name in ("from", "sent") if lines and HEADER_LINE[name].match(lines[0])}
    if not first:
        return False
    head = [line for line in lines[1:9] if line.strip()][:6]
    found = first | {name for name in HEADER_LINE for line in head if HEADER_LINE[name].match(line)}
    if "from" in found:
        return {"sent", "subject"} <= found
    is_dated = bool(DATE.search(lines[0]) and TIME.search(lines[0]))
    return is_dated and any(HEADER_LINE["to"].match(line) and "@" in line for line in head)


def _apart(lines):
    """The lines, the first attribution that shares a line with the answer in one of its own."""
    below = _Below(lines)
    for index, line in enumerate(lines):
        shared = _SHARED.match(line) if len(line) < _ATTRIBUTION_MAX and ENDS.search(line.rstrip()) else None
        if (
            shared
            and _is_by_a_program(shared[2])
            and below.has_marks(index + 1)
            and below.is_quotation(index + 1, shared[2])
        ):
            return [*lines[:index], shared[1], shared[2], *lines[index + 1 :]]
    return lines


def _is_by_a_program(text):
    return bool(ADDRESS.search(text) and TIME.search(text)) and is_attribution(text)


def _quote_start(lines):
    below, bare = _Below(lines), [line.strip() for line in lines]
    for index, line in enumerate(bare):
        is_separator = len(line) < _ATTRIBUTION_MAX and SEPARATOR.match(line)
        if is_separator or (is_header_block(bare[index : index + 9]) and not _is_shown(bare, index)):
            return _with_rule_above(lines, index)
        length = _attribution_length(lines, index)
        if length and below.is_quotation(index + length, " ".join(lines[index : index + length])):
            return index
    return _bare_quote_start(lines)


def _is_shown(lines, index):
    """Whether the author shows what begins there, and writes on below."""
    above = next((lines[place] for place in range(index - 1, -1, -1) if lines[place]), "")
    return above.endswith((":", "\uff1a"))


def _with_rule_above(lines, index):
    above = index - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and _RULE.fullmatch(lines[above]) else index


def _attribution_length(lines, index):
    line = lines[index]
    if not line.strip() or _MARK.match(line) or not (OPENING.match(line.strip()) or re.search(r"[\d@<]|-{3}", line)):
        return 0
    most = _ATTRIBUTION_LINES if OPENING.match(line.strip()) else 3
    for length in range(1, min(most, len(lines) - index) + 1):
        candidate = " ".join(lines[index : index + length])
        if is_attribution(candidate):
            below = " ".join(lines[index + 1 : index + length]).strip()
            is_whole = not line.rstrip().endswith("<")
            is_complete = is_whole and is_attribution(below) and (most == 3 or bool(OPENING.match(below)))
            return 0 if is_complete else length  # it begins further down: this line is the author's
        if len(candidate) >= _ATTRIBUTION_MAX or ENDS.search(candidate.rstrip()):
            return 0
        if most < _ATTRIBUTION_LINES and not lines[index + length - 1].strip():
            return 0
    return 0


class _Below:
    """What follows each line, found in one pass: a mail that is all attributions takes no longer than others."""

    def __init__(self, lines):
        marked = [bool(_MARK.match(line)) for line in lines]
        written = [bool(line.strip()) for line in lines]
        own = [
            is_written and not is_marked and not _is_piece_of_a_link(line)
            for line, is_written, is_marked in zip(lines, written, marked, strict=True)
        ]
        self._lines = lines
        self._written, self._marked, self._own = map(_next_places, (written, marked, own))

    def has_marks(self, start):
        return self._marked[start] < len(self._lines)

    def is_quotation(self, start, head):
        """Whether a quotation follows: of marked lines, or of others below a head that only a mail program writes."""
        first, end = self._written[start], self._end(start)
        if first >= end:
            return first < len(self._lines) or bool(BY_A_PROGRAM.search(head))
        if self._marked[start] >= end:
            return "@" in head and bool(VERB.search(head) or ENDS.search(head.rstrip()))  # else it may be told
        return self._marked[start] == first and self._own[start] >= end

    def _end(self, start):
        return _signature_below(self._lines, start, self._written[start])


def _next_places(flags):
    """For each place the next one, itself included, whose flag is set; their number where none is."""
    places = [len(flags)] * (len(flags) + 1)
    for index in range(len(flags) - 1, -1, -1):
        places[index] = index if flags[index] else places[index + 1]
    return places


def _is_piece_of_a_link(line):
    """A long link that was broken in a quotation goes on without a mark."""
    core = line.strip(">" + "".join({letter for letter in line if letter.isspace()}))
    return len(core.split()) == 1 and any(letter in core for letter in "=_/")


def _signature_below(lines, start, first):
    """Where a signature or the footer of a list begins below ``start``, with something written above (``first``)."""
    for index in range(max(len(lines) - MAX_SIGNATURE - 1, start + 1), len(lines)):
        if SIGNATURE.match(lines[index]) and first < index:
            return index
    return len(lines)


def _bare_quote_start(lines):
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    start = end = _signature_below(lines, 0, first)
    for index in range(end - 1, -1, -1):
        line = lines[index].strip()
        if line and not line.startswith(">"):
            break
        if line:
            start = index
    return start if start < end else len(lines)


def _signature_start(lines):
    start = len(lines)
    for index in range(len(lines) - 1, max(0, len(lines) - MAX_SIGNATURE - 2), -1):
        is_to_fill = index and lines[index].startswith("_") and lines[index - 1].rstrip().endswith(":")
        if SIGNATURE.match(lines[index]) and not is_to_fill:
            return index
        if MOBILE.match(lines[index]) and not "".join(lines[index + 1 : start]).strip():
            start = index
    return start
