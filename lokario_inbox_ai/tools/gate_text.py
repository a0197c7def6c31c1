"""Looking at text the way a reader does, whatever tricks it was written with."""

import base64
import binascii
import codecs
import re
import unicodedata
import urllib.parse

_LOOKALIKES = str.maketrans("авеіјокмнрстухѕԁɡαορντκικη", "abeijokmhpctyxsdgaopvtkikn")
_LEET = str.maketrans("013457@$", "oieastas")


# Without a shape of their own (Default_Ignorable_Code_Point): a number written around them reads as if without them.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ON_A_DIGIT = re.compile(r"(?<=\d)[\u0300-\u036f\u20d0-\u20f0]+")  # strokes, rings, key caps


def plain(text: str) -> str:
    """Return text in NFKC (full-width and styled letters folded, all decimal digits ASCII), spaces normalised.

    Without characters that have no shape.
    """
    folded = _ON_A_DIGIT.sub("", _IGNORABLE.sub("", unicodedata.normalize("NFKC", _IGNORABLE.sub("", text))))
    folded = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in folded)
    return re.sub(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]", " ", folded)


def canonical(text: str) -> str:
    """Return text in lower case without accents and punctuation, one space between words."""
    decomposed = unicodedata.normalize("NFKD", plain(text).casefold())
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(re.findall(r"[^\W_]+", letters))


def hidden_characters(text: str) -> str:
    """Return the name of the first character that a reader does not see (format, private use, variation), or ""."""
    for char in text:
        category = unicodedata.category(char)
        if (
            _IGNORABLE.match(char)
            or category in ("Cf", "Co", "Cn", "Cs")
            or (category == "Cc" and char not in "\r\n\t")
        ):
            if char == "\u200d" or char == "\ufe0f":
                continue  # joins emoji
            return unicodedata.name(char, f"U+{ord(char):04X}")
    return ""


def mixed_scripts(text: str) -> list[str]:
    """Return the words that mix Latin letters with Cyrillic, Greek or other ones (homographs)."""
    return [word for word in re.findall(r"[^\W\d_]{2,}", text) if len({_script(char) for char in word} - {""}) > 1]


def _script(char: str) -> str:
    name = unicodedata.name(char, "")
    if "MODIFIER" in name or "ORDINAL" in name:
        return ""
    return name.split(" ", 1)[0].split("-")[0]


def leaks(secret: str, text: str) -> bool:
    """Return whether a secret (8 characters or more) is in the text in any usual disguise.

    Disguises: spaced or punctuated letters, case, look-alikes, digits for letters, reversed, rot13, base64,
    hexadecimal, percent-encoding, first letters of words or of lines.
    """
    needle = _squeeze(secret)
    if len(needle) < 8:
        return False
    needles = {
        needle,
        needle[::-1],
        codecs.encode(needle, "rot13"),
        needle.translate(_LEET),
        needle[::-1].translate(_LEET),
    }
    return any(form in haystack for haystack in _spellings(text) for form in needles)


def _squeeze(text: str) -> str:
    folded = unicodedata.normalize("NFKD", plain(text).casefold()).translate(_LOOKALIKES)
    return "".join(char for char in folded if char.isalnum())


def _spellings(text: str):
    squeezed = _squeeze(text)
    yield squeezed
    yield squeezed.translate(_LEET)
    words = re.findall(r"\w+", plain(text))
    yield _squeeze("".join(word[0] for word in words))
    yield _squeeze("".join(word[-1] for word in words))
    yield _squeeze("".join(line.strip()[:1] for line in text.splitlines()))
    yield _squeeze(urllib.parse.unquote(text))
    for decoded in _decodings(text):
        yield _squeeze(decoded)
        yield _squeeze(decoded).translate(_LEET)


def _decodings(text: str):
    compact = re.sub(r"\s+", "", text)
    for source in (text, compact):
        for token in re.findall(r"[A-Za-z0-9+/_-]{8,}={0,2}", source):
            padded = token.rstrip("=").translate(str.maketrans("-_", "+/"))
            try:
                yield base64.b64decode(padded + "=" * (-len(padded) % 4)).decode("latin-1")
            except (binascii.Error, ValueError):
                continue
        for token in re.findall(r"(?:[0-9a-fA-F]{2}[\s:\\x-]{0,3}){8,}", source):
            digits = re.sub(r"[^0-9a-fA-F]", "", token.replace("\\x", ""))
            yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("latin-1")
