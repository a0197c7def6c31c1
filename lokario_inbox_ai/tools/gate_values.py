"""What in an answer could hurt: links, accounts, numbers, amounts, promises. Extraction only, no verdict.

Every extractor takes text that went through `gate_text.plain` and returns values in one normal form, so that the same
value written in two ways compares equal.
"""

import re

from .gate_language import is_number_word
from .gate_text import canonical
from .gate_words import PROMISES

_SCHEME = r"(?:h[tx]{2}ps?|ftp|mailto|tel|sms|javascript|data|file|whatsapp|tg|skype|callto|bitcoin)"
_URL = re.compile(rf"\b{_SCHEME}\s?:\s?/{{0,2}}\s?[^\s<>\"')\]]+", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?<![\w@.¡-￿-])(?:[a-z0-9¡-￿](?:[a-z0-9¡-￿-]*[a-z0-9¡-￿])?\.)+[a-z¡-￿]{2,24}(?![\w-])(?:[/:?#][^\s<>\"')\]]*)?",
    re.IGNORECASE,
)
_WORDED_DOMAIN = re.compile(
    r"(?<![\w-])[\w-]++\s{0,9}[\[({]?\s{0,9}(?:\bdot\b|\bpoint\b|\bpunto\b|\bpunkt\b|\bponto\b|\[\.\]|\(\.\)|\{\.\}|\s\.\s|。|．|․)\s*[\])}]?\s*"
    r"(?:com|net|org|fr|io|co|info|biz|eu|de|uk|ru|cn|app|shop|online|site|xyz|top|me|example|test|invalid|tk|link|page)\b",
    re.IGNORECASE,
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP = re.compile(
    rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?\d)|\b(?:[0-9a-f]{{1,4}}:){{3,7}}[0-9a-f]{{1,4}}\b", re.IGNORECASE
)
_EMAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]++\s?@\s?[\w-]+(?:\s?\.\s?[\w-]+)+", re.UNICODE)
_WORDED_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]++\s*+(?:[\[({<]\s*(?:at|arobase|chez|a)\s*[\])}>]|\b(?:at|arobase|chiocciola|arroba)\b)\s*[\w-]+"
    r"\s*(?:[\[({<]?\s*(?:dot|point|punto|punkt)\s*[\])}>]?|\.)\s*\w+",
    re.IGNORECASE,
)
_IBAN = re.compile(r"\b[A-Z]{2}[ .\-]?\d{2}(?:[ .\-]?[A-Z0-9]){11,30}\b", re.IGNORECASE)
_IBAN_LENGTHS = {  # ISO 13616 registry
    "FR": 27,
    "MC": 27,
    "BE": 16,
    "CH": 21,
    "DE": 22,
    "ES": 24,
    "IT": 27,
    "LU": 20,
    "NL": 18,
    "PT": 25,
    "GB": 22,
    "IE": 22,
    "AT": 20,
    "PL": 28,
    "LT": 20,
    "MT": 31,
    "CY": 28,
    "EE": 20,
    "LV": 21,
    "RO": 24,
    "BG": 22,
    "CZ": 24,
    "DK": 18,
    "FI": 18,
    "SE": 24,
}
_DIGITS = re.compile(r"(?<![\w])\+?\d(?:[ .\-/()·_]{0,3}\d)*")
_GROUPED = re.compile(r"\d{1,3}(?:[ .,' ’]\d{3})+(?:[.,]\d{1,2})?|\d++(?:[.,]\d++)?")
_CURRENCY = (
    r"(?:€|\$|£|¥|₿|chf|eur(?:o|os)?|usd|gbp|jpy|cad|btc|eth|usdt|dollars?|pounds?|livres? sterling|francs?|balles"
    r"|bitcoins?|centimes?|cents?(?= )|k€|m€|keur|%|pour ?cents?|per ?cent|percent|prozent|por ?ciento|per ?cento)"
)
_AMOUNT = re.compile(
    rf"(?:(?<!\w){_CURRENCY}\s?({_GROUPED.pattern}))|(?:(?<!\d)({_GROUPED.pattern})\s?(?:k|m)?\s?{_CURRENCY}(?!\w))",
    re.IGNORECASE,
)
_WORDED_CURRENCY = re.compile(
    r"\b(euros?|dollars?|pounds?|francs?|livres?|centimes?|bitcoins?|pour ?cent|per ?cent|percent|eur|usd"
    r"|gbp|chf|prozent|dolares)\b"
)
_FRACTION_GIFT = re.compile(
    r"\b(half|moitie|demi|double|triple|tiers|quart) (of )?(the |le |du |de )?(price|prix|tarif|montant|amount)"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_ABBREVIATIONS = {
    "e.g",
    "i.e",
    "p.ex",
    "c.a.d",
    "a.m",
    "p.m",
    "n.b",
    "p.s",
    "m.le",
    "s.a",
    "s.a.r.l",
    "s.a.s",
    "u.s",
    "u.k",
    "etc.et",
}


def links(text: str) -> set[str]:
    """Return URLs and bare domains as "host/path" in lower case, without scheme and "www."."""
    found = {_normal_link(match) for match in _URL.findall(text)}
    without_mail = _EMAIL.sub(" ", text)
    for match in _DOMAIN.findall(without_mail):
        if match.lower().rstrip(".") not in _ABBREVIATIONS:
            found.add(_normal_link(match))
    found |= {"".join(match.lower().split()) for match in _WORDED_DOMAIN.findall(without_mail)}
    found |= {match.lower() for match in _IP.findall(text)}
    return found


def _normal_link(link: str) -> str:
    bare = re.sub(rf"^{_SCHEME}\s?:\s?/{{0,2}}\s?", "", link.strip().lower())
    return bare.removeprefix("www.").rstrip(".,;:!?/")


def emails(text: str) -> set[str]:
    """Return e-mail addresses in lower case, also when written "name at example dot com"."""
    found = {"".join(match.lower().split()).rstrip(".") for match in _EMAIL.findall(text)}
    return found | {" ".join(match.lower().split()) for match in _WORDED_EMAIL.findall(text)}


def ibans(text: str) -> set[str]:
    """Return what has the shape of an IBAN, without spaces, upper case (the checksum is not asked: fail closed)."""
    found = set()
    for match in _IBAN.findall(text):
        groups = re.split(r"[ .\-]", match.upper())
        kept = [group for index, group in enumerate(groups) if index < 2 or _belongs(groups, index)]
        compact = "".join(kept)
        compact = compact[: _IBAN_LENGTHS.get(compact[:2], 34)]
        if len(compact) >= 15 and sum(char.isdigit() for char in compact) >= 8:
            found.add(compact)
    return found


def _belongs(groups, index):
    """A word after an account number ends it: every group of an IBAN but the bank code holds digits."""
    return all(re.search(r"\d", group) for group in groups[2 : index + 1])


def phones(text: str) -> set[str]:
    """Return runs of 7 to 15 digits, whatever stands between them, in national form (+33 6 and 06 are equal)."""
    found = set()
    for match in _DIGITS.findall(text):
        digits = _run_digits(match)
        if 7 <= len(digits) <= 15:
            found.add(digits)
    return found


def _run_digits(run: str) -> str:
    """Return the digits of a run, French country prefixes in national form."""
    digits = re.sub(r"\D", "", run)
    if digits.startswith("0033"):
        return "0" + digits[4:]
    if run.startswith("+33"):
        return "0" + digits[2:].removeprefix("0")
    return digits


ADDRESS_EXTRACTORS = {"link": links, "email": emails, "iban": ibans, "phone": phones}


def numbers(text: str) -> set[str]:
    """Return every number as digits only, with its decimals, and also each digit run glued over separators."""
    found = {_normal_number(match) for match in _GROUPED.findall(text)}
    found |= {_run_digits(match) for match in _DIGITS.findall(text)}
    return found | set(re.findall(r"\d+", text))


def long_numbers(text: str) -> set[str]:
    """Return the digit runs of four or more (separators allowed between), years apart."""
    found = set()
    for match in _DIGITS.findall(_without_dates(text)):
        digits = _run_digits(match)
        if len(digits) >= 4 and not _YEAR.fullmatch(digits):
            found.add(digits)
    return found


def _without_dates(text: str) -> str:
    text = re.sub(r"(?<![\d./-])\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?![./-]?\d)|\b\d{4}-\d\d-\d\d\b", " ; ", text)
    return re.sub(r"\b\d{1,2}\s?[h:]\s?(?:\d{2})?\b(\s?[-–/]\s?\d{1,2}\s?[h:]\s?(?:\d{2})?\b)?", " ; ", text)


def _normal_number(number: str) -> str:
    compact = re.sub(r"[ '’ ]", "", number)
    match = re.fullmatch(r"(.*?)[.,](\d{1,2})", compact)
    whole, cents = match.groups() if match else (compact, "")
    whole = re.sub(r"[.,]", "", whole).lstrip("0") or "0"
    return f"{whole}.{cents}" if cents.strip("0") else whole


def amounts(text: str) -> set[str]:
    """Return the numbers that stand beside a currency or a percent sign ("1 200,00 €" gives "1200")."""
    return {_normal_number(before or after) for before, after in _AMOUNT.findall(text)}


def worded_amounts(text: str) -> list[str]:
    """Return amounts in words ("five hundred euros", "half the price")."""
    found = [match.group(0) for match in _FRACTION_GIFT.finditer(canonical(text))]
    words = canonical(text).split()
    for index, word in enumerate(words):
        if not _WORDED_CURRENCY.fullmatch(word) and not (
            word in ("pour", "per") and words[index + 1 : index + 2] in (["cent"], ["cento"])
        ):
            continue
        start = index
        while start and (is_number_word(words[start - 1]) or words[start - 1] in ("and", "et", "de")):
            start -= 1
        if any(is_number_word(item) for item in words[start:index]):
            found.append(" ".join(words[start : index + 1]))
    return found


MAX_QUOTED_TOKEN = 20  # characters: an order or parcel number of the customer's may be repeated, a wallet may not


def opaque_token(text: str, trusted: tuple[str, ...], quoted: tuple[str, ...]) -> str:
    """Return the first token that looks like data rather than a word (long, or letters and digits mixed), or ""."""
    ours = " ".join(trusted).casefold()
    theirs = " ".join(quoted).casefold()
    for token in re.findall(r"[^\s,;:!?()\[\]«»\"']{12,}", text):
        word = token.rstrip(".").casefold()
        repeated = word in theirs and len(word) <= MAX_QUOTED_TOKEN
        if _is_opaque(word) and word not in ours and not repeated:
            return token
    return ""


def _is_opaque(word: str) -> bool:
    if re.search(r"\d", word) and len(re.findall(r"[a-z]", word)) >= 3:
        return True
    is_word = re.fullmatch(r"[^\W\d_]+(?:[-'’./][^\W\d_]+)*", word)
    return len(word) > 34 or (len(word) >= 20 and not is_word)


def shares_words(text: str, private: tuple[str, ...], run: int) -> bool:
    """Return whether `run` words in a row of a private text are in the text."""
    words = canonical(text).split()
    runs = {tuple(words[index : index + run]) for index in range(len(words) - run + 1)}
    for source in private:
        secret = canonical(source).split()
        if any(tuple(secret[index : index + run]) in runs for index in range(len(secret) - run + 1)):
            return True
    return False


_PROMISE_PATTERNS = {name: re.compile(rf"\b(?:{pattern})\b") for name, pattern in PROMISES.items()}
PROMISE_CATEGORIES = tuple(PROMISES)


def promises(text: str) -> list[str]:
    """Return the categories of PROMISE_CATEGORIES that the text touches, negated or not."""
    words = canonical(text)
    return [name for name, pattern in _PROMISE_PATTERNS.items() if pattern.search(words)]


_CHANNELS = re.compile(
    r"\b(telegram|whatsapp|whats app|signal app|wechat|viber|discord|skype|snapchat|instagram|facebook|messenger|tiktok"
    r"|linkedin|zoom|google meet|teams meeting|line app|slack|onlyfans|pastebin|dropbox|wetransfer|google drive)\b"
)
_HANDLE = re.compile(r"(?<![\w.])@\w[\w.]{2,}")


def channels(text: str) -> set[str]:
    """Return messaging services and @handles that the text names."""
    return set(_CHANNELS.findall(canonical(text))) | {handle.lower() for handle in _HANDLE.findall(text)}
