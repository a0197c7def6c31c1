"""Fold what a mail repeats of earlier ones, and its signature; nothing is ever cut from the store.

The rule is to fold too little rather than too much: only a tail in which the newest author wrote
nothing is a quotation, answers between or below quoted lines stay visible.
"""

import re
from dataclasses import dataclass

_WROTE = (
    r"wrote|writes|a écrit|a ecrit|écrivait|schrieb|escribió|escribio|escreveu|ha scritto|scrisse"
    r"|schreef|het volgende geschreven|skrev|napisał\(?a?\)?|kirjoitti|написал\(?а?\)?"
)
_OPENED = re.compile(
    rf"^\s*(?=.*(?:\d|@))(?:on|le|am|el|em|il|op|den|w dniu|dnia)\b.{{4,240}}(?:{_WROTE})"
    r"[^::]{0,80}[::]\s*$",
    re.IGNORECASE | re.DOTALL,
)
_UNOPENED = re.compile(
    rf"^\s*(?:.{{0,120}}<[^<>@\s]+@[^<>\s]+>.{{0,60}}|.{{2,120}}\d.{{0,80}})(?:{_WROTE})"
    r"[^::]{0,80}[::]\s*$",
    re.IGNORECASE | re.DOTALL,
)
_BY_A_PROGRAM = re.compile(r"@|\b\d{1,2} ?[:h.] ?\d{2}\b")  # an address or the time of day
SEPARATOR = re.compile(
    r"^\s*[-_]{2,}\s*(original message|message d'origine|message d’origine|message original"
    r"|ursprüngliche nachricht|mensaje original|mensagem original|messaggio originale"
    r"|oorspronkelijk bericht|originalmeddelande|original meddelelse|forwarded message"
    r"|message transféré|reply message|message initial)\s*[-_]{2,}\s*$",
    re.IGNORECASE,
)
_LABELS = {
    "from": r"from|de|von|da|van|från|fra|od",
    "sent": r"sent|date|envoyé|envoye|gesendet|datum|enviado(?: el)?|fecha|data|inviato|verzonden|skickat|sendt"
    r"|wysłano",
    "to": r"to|à|a|an|para|aan|till|til|do",
    "subject": r"subject|objet|betreff|asunto|assunto|oggetto|onderwerp|ämne|emne|temat",
}
_HEADER_LINE = {
    name: re.compile(rf"^\s*\*?(?:{words})\s*\*?\s*[::]\s*\*?\s*\S", re.IGNORECASE) for name, words in _LABELS.items()
}
SIGNATURE = re.compile(r"^(-- ?|—|__+)$")
_MOBILE = re.compile(
    r"^\s*(sent from my|get outlook for|envoyé (?:de|depuis) mon|télécharger outlook"
    r"|von meinem .{2,30} gesendet|enviado desde mi|inviato da|verstuurd vanaf)\b.{0,60}$",
    re.IGNORECASE,
)
_MAX_LINES = 5000  # a longer text is shown whole
MAX_SIGNATURE = 12  # lines; a longer tail is text


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
    """Tell whether the text is the line that a mail program writes above a quotation."""
    return len(text) < 400 and bool(_OPENED.match(text) or _UNOPENED.match(text))


def is_header_block(lines: list[str]) -> bool:
    """Tell whether the lines open like the headers that Outlook repeats above a quoted mail."""
    if not lines or not _HEADER_LINE["from"].match(lines[0]):
        return False
    head = [line for line in lines[1:8] if line.strip()][:5]
    found = {name for name in ("sent", "to", "subject") for line in head if _HEADER_LINE[name].match(line)}
    return {"sent", "subject"} <= found


def _quote_start(lines):
    for index, line in enumerate(lines):
        if SEPARATOR.match(line) or is_header_block(lines[index : index + 9]):
            return _with_rule_above(lines, index)
        length = _attribution_length(lines, index)
        if length and _only_quotes(lines[index + length :], " ".join(lines[index : index + length])):
            return index
    return _bare_quote_start(lines)


def _with_rule_above(lines, index):
    above = index - 1
    while above >= 0 and not lines[above].strip():
        above -= 1
    return above if above >= 0 and re.fullmatch(r"\s*[-_]{5,}\s*", lines[above]) else index


def _attribution_length(lines, index):
    if not lines[index].strip():
        return 0
    for length in (1, 2, 3):
        candidate = " ".join(lines[index : index + length])
        if len(candidate) < 400 and _OPENED.match(candidate):
            return length
    return 1 if len(lines[index]) < 400 and _UNOPENED.match(lines[index]) else 0


def _only_quotes(rest, head):
    """Whether a quotation follows: of marked lines, or of others below a head that only a mail program writes."""
    written = [line for line in rest if line.strip()]
    if not written:
        return False
    quoted = [line for line in written if line.lstrip().startswith(">")]
    return len(quoted) == len(written) or (not quoted and bool(_BY_A_PROGRAM.search(head)))


def _bare_quote_start(lines):
    start = len(lines)
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index].strip()
        if line and not line.startswith(">"):
            break
        if line:
            start = index
    return start


def _signature_start(lines):
    for index in range(len(lines) - 1, max(-1, len(lines) - MAX_SIGNATURE - 2), -1):
        if SIGNATURE.match(lines[index]) and index:
            return index
        if _MOBILE.match(lines[index]) and index and not "".join(lines[index + 1 :]).strip():
            return index
    return len(lines)
