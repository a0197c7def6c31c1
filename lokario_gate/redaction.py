"""Keeps what opens something out of every log line: passwords, keys and tokens, however they are spelled.

One filter on the root logger's handlers, so that it sees every logger, level and traceback. Here and not in
lokario_base: the gate answers unknown hosts before any database, and thus any addon, is loaded.

A secret is known by its name: `email_password`, `secret[]`, `%73ecret`, `X-Api-Key`, `Authorization`. What has no name
is known by its form (tokens in a path, private keys, credentials in an address), or because the environment holds it.
"""

import logging
import os
import re
from functools import cache
from urllib.parse import unquote

MASK = "***"
MAX_LENGTH = 50_000  # characters of a line: the rest of longer ones (files in RPC calls, at debug level) is cut off
MIN_KNOWN = 12  # characters of a secret of the environment; shorter ones would blank ordinary words
WORDS = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|api_?-?key|private_?-?key|credential|authorization|session_?id|cookie|"
    r"nonce|otp_?code|_pass\b|\bpass\b"
)
NAMES_SECRET = re.compile(WORDS, re.IGNORECASE)
PARAMETER = re.compile(  # of an address, also of one that stands, encoded, in another address
    r"""(?:^|[?&;\s"']|%(?:25)*(?:3F|26|3B))((?:(?!%(?:25)*3D)[^\s=&?;"'#<>]){1,100}?)(=|%(?:25)*3D)""", re.IGNORECASE
)
NAMED = re.compile(  # name = value, 'name': 'value', "name"=value, ('name', '=', value)
    rf"""(?P<word>{WORDS})[\w.\[\]-]{{0,60}}(?:\\*["'])?"""
    r"""\s*(?:[:=]=?|,\s*["'](?:=|!=|in|not in|=?i?like)["']\s*,)\s*""",
    re.IGNORECASE,
)
CONSENT = ("code", "state")  # of an OAuth provider's way back: the first opens a mailbox, the other holds a token
WHOLE_LINE = ("authorization", "cookie")  # headers whose value has several parts
QUOTE = re.compile(r"""[bru]{0,2}(\\*["'])""", re.IGNORECASE)
BARE = re.compile(r"""[^\s,;)\]}&"']*""")
LINE = re.compile(r"""[^\n"']*""")
BRACKETS = {"[": "]", "(": ")", "{": "}"}
FORMS = (  # what stays of each is its first group
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|$)", re.DOTALL),
    re.compile(r"(\b(?:Bearer|Basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"(://[^/\s:@\"']{1,100}:)[^@/\s\"']{1,300}(?=@)"),
    re.compile(r"(Failing row contains \().*", re.DOTALL),  # PostgreSQL prints the whole row,
    re.compile(r"(\bLINE \d+: ).*"),  # and the statement, its values included
    # shaped like a token: 160 bits and more, and not a long word
    re.compile(r"""(/|%(?:25)*2[Ff])(?=[^/\s"'?#]*[0-9A-Z])[\w:%=~-]{32,}(?=[/?.\s"'#]|$)""", re.ASCII),
)
DUPLICATE = re.compile(r"(Key \(([^)\n]{1,200})\)=\()[^\n]*")  # PostgreSQL's detail of a unique index
SQL_TEXT = re.compile(r"'(?:''|\\.|[^'\\])*'", re.DOTALL)
LISTED_NAME = re.compile(rf"""(?:{WORDS})[\w.-]{{0,60}}["'](?!\s*:)""", re.IGNORECASE)
CALL = re.compile(r"(call [\w.]+\([^()]*\)\.(\w+)\()(.*)", re.DOTALL)  # how odoo.service.model logs a call


class SecretFilter(logging.Filter):
    """Blanks the secrets of a record for every handler after it; never stops one."""

    def filter(self, record):
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: logging would print them as they are
            text = str(record.msg)
        record.msg, record.args = blank(text, record.name), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = record.exc_text and blank(record.exc_text)
        record.stack_info = record.stack_info and blank(record.stack_info)
        return True


def blank(text: str, logger: str = "") -> str:
    """Return the text with a mask in place of each secret."""
    if len(text) > MAX_LENGTH:
        text = f"{text[:MAX_LENGTH]} [{len(text) - MAX_LENGTH} more characters]"
    for known in _of_environment():
        text = known.sub(MASK, text)
    if logger == "odoo.service.model" and (call := CALL.match(text)):
        text = _blank_call(call)
    elif logger == "odoo.sql_db" and NAMES_SECRET.search(text):
        text = SQL_TEXT.sub(f"'{MASK}'", text)
    for form in FORMS:  # a function, not a template: for that re imports itself, which fails while Python shuts down
        text = form.sub(lambda match: match[1] + MASK, text)
    text = DUPLICATE.sub(lambda match: match[1] + MASK if NAMES_SECRET.search(match[2]) else match[0], text)
    return _blank_values(NAMED, _end_of_value, _blank_values(PARAMETER, _end_of_parameter, text))


def _blank_call(call: re.Match) -> str:
    """Arguments without names: all of them go when the method, or a field that they list, is about a secret."""
    about_secret = NAMES_SECRET.search(call[2]) or LISTED_NAME.search(call[3])
    return f"{call[1]}{MASK})" if about_secret else call[0]


def _blank_values(name: re.Pattern, end_of_value, text: str) -> str:
    """Put the mask in place of what follows each name; ``end_of_value(match)`` says how far that goes."""
    parts, position = [], 0
    while match := name.search(text, position):
        end = end_of_value(match)
        parts += [text[position : match.end()], MASK if end > match.end() else ""]
        position = end
    return "".join([*parts, text[position:]])


def _end_of_parameter(name: re.Match) -> int:
    decoded = name[1]
    while (once_more := unquote(decoded)) != decoded:
        decoded = once_more
    if not NAMES_SECRET.search(decoded) and decoded not in CONSENT:
        return name.end()
    return _parameter_value(name[2].count("25") + 1 if "%" in name[2] else 0).match(name.string, name.end()).end()


@cache
def _parameter_value(encoded: int) -> re.Pattern:
    """What follows the name up to the next parameter, in an address that was encoded so many times; a separator that
    was encoded more often belongs to the value, and so do quotes: a request line may hold them as they are."""
    return re.compile(rf"(?:(?!%(?:25){{0,{encoded - 1}}}26)[^\s&])*" if encoded else r"[^\s&]*")


def _end_of_value(name: re.Match) -> int:
    text, start = name.string, name.end()
    if quote := QUOTE.match(text, start):
        return _end_of_text(text, quote)
    if text[start : start + 1] in BRACKETS:
        return _end_of_brackets(text, start)
    return (LINE if name["word"].lower() in WHOLE_LINE else BARE).match(text, start).end()


def _end_of_text(text: str, quote: re.Match) -> int:
    """Behind the closing quote, which is the same as the opening one (`'`, or `\\"` in a text within a text)."""
    position, closing = quote.end(), quote[1]
    while (position := text.find(closing, position)) >= 0:
        content = text[quote.end() : position]
        if (len(content) - len(content.rstrip("\\"))) % 2 == 0:
            return position + len(closing)
        position += 1
    return len(text)


def _end_of_brackets(text: str, start: int) -> int:
    expected, position = [], start
    while position < len(text):
        if quote := QUOTE.match(text, position):
            position = _end_of_text(text, quote)
            continue
        char = text[position]
        position += 1
        if char in BRACKETS:
            expected.append(BRACKETS[char])
        elif char == expected[-1]:
            expected.pop()
        if not expected:
            break
    return position


@cache
def _of_environment() -> tuple[re.Pattern, ...]:
    """The secrets that the server was started with, the longest first, in any spelling of an address."""
    names = [name for name in os.environ if NAMES_SECRET.search(name)]
    values = [os.environ[name] for name in names if not os.environ[name].startswith("/")]  # PWD is a folder
    parts = {part for value in values for part in re.split(r"[\s,:]", value) if len(part) >= MIN_KNOWN}
    letters = {char: f"(?:{re.escape(char)}|%(?:25)*(?i:{char.encode().hex('%')}))" for part in parts for char in part}
    return tuple(re.compile("".join(map(letters.get, part))) for part in sorted(parts, key=len, reverse=True))


def install():
    """Put the filter on the root logger's handlers, and on those of loggers that keep their lines to themselves."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if not any(isinstance(present, SecretFilter) for present in handler.filters):
            handler.addFilter(SecretFilter())
