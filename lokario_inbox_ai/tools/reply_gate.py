"""The gate between a language model and a customer: pure Python, no model, no database.

It assumes that the model is the attacker. An answer passes only when nothing in it could have been put there against
the company's interest: the recipient is the person who wrote, and every link, address, number and amount has a known
source. Refused means "a draft for a human, with the reason", so the gate prefers refusing.

Two sources of values: `trusted` (the company's allow-list, its knowledge text, our own mails of the thread), `quoted`
(what the person wrote, visible text only). Links, accounts and amounts come from `trusted` alone: whoever may put them
into our mouth may use our word against a third person. Phone numbers and e-mail addresses come from `quoted` only when
the sender is authenticated: with a forged From, the answer would carry the forger's number to the real customer.
"""

import re
from dataclasses import dataclass, field

from . import gate_values as values
from .gate_language import detect_language, number_word_runs
from .gate_text import canonical, hidden_characters, leaks, mixed_scripts, plain

MAX_LENGTH = 3000  # characters of an automatic answer
MIN_LENGTH = 15
MAX_LINE_REPEATS = 5
MAX_FOREIGN_LETTERS = 3  # a name may hold a few
MIN_SENTENCE = 6  # words: shorter ones show no language


@dataclass(frozen=True)
class Draft:
    """What the model wrote, and what would leave. attachments: count; extra: fields the model added automatically."""

    text: str
    recipients: tuple[str, ...]
    attachments: int = 0
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What the gate may compare with. All texts are visible plain text."""

    sender: str  # bare address of the person who wrote
    sender_verified: bool = False  # DMARC-aligned at the mailbox's own server
    trusted: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()  # canaries: must not appear in any spelling
    private: tuple[str, ...] = ()  # prompt texts: no eight words of them in a row
    languages: frozenset[str] = frozenset({"fr", "en"})
    expected_language: str = ""
    allowed_promises: frozenset[str] = frozenset()
    max_length: int = MAX_LENGTH


@dataclass(frozen=True)
class Verdict:
    """reasons: (code, detail) pairs, empty when the answer may leave."""

    reasons: tuple[tuple[str, str], ...] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.reasons


def judge(draft: Draft, context: Context) -> Verdict:
    """Return the Verdict on an automatic answer; every reason is listed, not only the first."""
    checks = (
        _check_envelope,
        _check_shape,
        _check_characters,
        _check_secrets,
        _check_values,
        _check_amounts,
        _check_numbers,
        _check_promises,
        _check_channels,
        _check_language,
    )
    reasons = [reason for check in checks for reason in check(draft, context)]
    return Verdict(tuple(dict.fromkeys(reasons)))


def _check_envelope(draft, context):
    recipients = {address.strip().lower() for address in draft.recipients}
    if recipients != {context.sender.strip().lower()} or len(draft.recipients) != 1:
        yield "recipient", ", ".join(sorted(recipients))
    if draft.attachments:
        yield "attachment", str(draft.attachments)
    if draft.extra:
        yield "extra_fields", ", ".join(sorted(draft.extra))


def _check_shape(draft, context):
    length = len(draft.text.strip())
    if length > context.max_length:
        yield "too_long", str(length)
    if length < MIN_LENGTH:
        yield "too_short", str(length)
    if re.search(r"</?[a-z!][^>]*>|&(#\d+|#x[0-9a-f]+|[a-z]{2,8});|\]\(|\{\{|\$\{|```|<\|", draft.text, re.IGNORECASE):
        yield "markup", ""
    if re.search(r"(?im)^\s*(to|cc|bcc|from|subject|content-type|mime-version|date|received)\s?:\s?\S+@?", draft.text):
        yield "header_lines", ""
    if re.search(r"(?im)^\s*(system|assistant|user|developer|tool)\s?:|\bas an? (ai|language model)\b", draft.text):
        yield "model_talk", ""
    lines = [line.strip() for line in draft.text.splitlines() if len(line.strip()) > 3]
    if any(lines.count(line) > MAX_LINE_REPEATS for line in lines):
        yield "repetition", ""


def _check_characters(draft, context):
    if found := hidden_characters(draft.text):
        yield "hidden_characters", found
    if words := mixed_scripts(draft.text):
        yield "mixed_scripts", words[0]


def _check_secrets(draft, context):
    if any(leaks(secret, draft.text) for secret in context.secrets):
        yield "canary", ""
    if values.shares_words(draft.text, context.private, run=8):
        yield "prompt_leak", ""
    if token := values.opaque_token(draft.text, context.trusted, context.quoted):
        yield "opaque_token", token[:40]


def _check_values(draft, context):
    """Links and accounts from a trusted source; phone numbers and addresses also from a verified sender."""
    text = plain(draft.text)
    contacts = (*context.quoted, context.sender) if context.sender_verified else ()
    for code, extract in values.ADDRESS_EXTRACTORS.items():
        sources = context.trusted + (contacts if code in ("phone", "email") else ())
        allowed = set().union(set(), *(extract(plain(source)) for source in sources))
        for found in sorted(extract(text) - allowed):
            yield code, found


def _check_amounts(draft, context):
    """Money and percentages from a trusted source, in digits or in words."""
    trusted = " ".join(plain(source) for source in context.trusted)
    for amount in sorted(values.amounts(plain(draft.text)) - values.amounts(trusted)):
        yield "amount", amount
    for phrase in values.worded_amounts(plain(draft.text)):
        if canonical(phrase) not in canonical(trusted):
            yield "amount", phrase


def _check_numbers(draft, context):
    """Digits in a row (references, codes) must have been seen; four number words in a row must be the company's."""
    seen = set().union(set(), *(values.numbers(plain(source)) for source in context.trusted + context.quoted))
    for number in sorted(values.long_numbers(plain(draft.text)) - seen):
        yield "number", number
    trusted = canonical(" ".join(context.trusted))
    for run in number_word_runs(plain(draft.text)):
        if canonical(run) not in trusted:
            yield "number", run


def _check_promises(draft, context):
    for category in values.promises(plain(draft.text)):
        if category not in context.allowed_promises:
            yield "promise", category


def _check_channels(draft, context):
    """Other ways to be reached, and calls to act, come from the company only."""
    trusted = {channel for source in context.trusted for channel in values.channels(plain(source))}
    for channel in sorted(values.channels(plain(draft.text)) - trusted):
        yield "channel", channel


def _check_language(draft, context):
    language = detect_language(plain(draft.text))
    if language not in context.languages:
        yield "language", language or "unknown"
    elif context.expected_language in context.languages and language != context.expected_language:
        yield "language", f"{language} instead of {context.expected_language}"
    if sum(char.isalpha() and ord(char) > 0x24F for char in plain(draft.text)) > MAX_FOREIGN_LETTERS:
        yield "language", "foreign letters"
    for sentence in re.split(r"[.!?\n]+", plain(draft.text)):
        other = detect_language(sentence) if len(sentence.split()) >= MIN_SENTENCE else language
        if other and other not in context.languages:
            yield "language", other
