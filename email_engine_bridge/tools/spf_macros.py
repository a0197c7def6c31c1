"""The macros of SPF's domain names (RFC 7208, 7), such as exists:%{ir}._spf.example.com."""

import re

# p needs a lookup that receivers should not make (7.2); c, r and t belong to explanations only (7.3).
MACRO = re.compile(r"%(?:\{([slodiphv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.I)
LITERALS = {"%": "%", "_": " ", "-": "%20"}
MAX_NAME = 253


def expand(text, domain, address, sender_domain):
    """Return `text` with its macros filled in, or None when one of them is wrong.

    `domain` is the one whose record is read, `sender_domain` the one it began with; without a
    local part the sender is postmaster (4.3), and it says HELO with its domain.
    """
    values = {
        "s": f"postmaster@{sender_domain}",
        "l": "postmaster",
        "o": sender_domain,
        "d": domain,
        "i": str(address) if address.version == 4 else ".".join(address.exploded.replace(":", "")),
        "p": "unknown",
        "v": "in-addr" if address.version == 4 else "ip6",
        "h": sender_domain,
    }
    if "%" in MACRO.sub("", text) or any(match[2] and not int(match[2]) for match in MACRO.finditer(text)):
        return None
    name = MACRO.sub(lambda match: LITERALS[match[5]] if match[5] else _transform(values, match), text)
    while len(name) > MAX_NAME:  # labels are dropped from the left (7.3)
        name = name.partition(".")[2]
    return name


def _transform(values, match):
    letter, digits, reverse, delimiters = match[1].lower(), match[2], match[3], match[4] or "."
    parts = re.split(f"[{re.escape(delimiters)}]", values[letter])
    if reverse:
        parts.reverse()
    return ".".join(parts[-int(digits) :] if digits else parts)
