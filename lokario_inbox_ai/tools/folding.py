"""Looking at text the way a reader does, whatever tricks it was written with. Every function is linear."""

import re
import unicodedata

# Without a shape of their own (Default_Ignorable_Code_Point): a number written around them reads as if without them.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ON_A_DIGIT = re.compile(r"(?<=\d)[\u0300-\u036f\u20d0-\u20f0]+")  # strokes, rings, key caps
_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LETTERS = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"})


def plain(text: str) -> str:
    """Return text in NFKC (full-width and styled letters folded, all decimal digits ASCII), spaces normalised.

    Without characters that have no shape.
    """
    folded = _ON_A_DIGIT.sub("", _IGNORABLE.sub("", unicodedata.normalize("NFKC", _IGNORABLE.sub("", text))))
    folded = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in folded)
    return _SPACES.sub(" ", folded)


def canonical(text: str) -> str:
    """Return text in lower case without accents and punctuation, one space between words."""
    decomposed = unicodedata.normalize("NFKD", plain(text).casefold().translate(_LETTERS))
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
