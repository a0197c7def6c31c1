"""Text in format=flowed (RFC 3676): lines that its writer's program broke are joined again."""

import re

_QUOTE = re.compile(r"(>*)( ?)")
_SIGNATURE = "-- "


def unflowed(text: str, *, del_sp: bool = False) -> str:
    """Return text with its paragraphs in one line each; quoted ones keep their marks.

    del_sp: the blank at a broken line's end is no part of the text (DelSp=yes).

    >>> unflowed("Voir https://x.fr/ \\nfacture", del_sp=True)
    'Voir https://x.fr/facture'
    """
    done, pending, depth = [], None, 0
    for line in text.split("\n"):
        marks = _QUOTE.match(line)
        level, content = len(marks[1]), line[marks.end() :]
        is_flowed = content.endswith(" ") and content != _SIGNATURE
        if pending is not None and (level != depth or content == _SIGNATURE):
            done.append(_quoted(depth, pending))  # another depth ends a paragraph, as a signature does
            pending = None
        whole = [*(pending or ()), content[:-1] if is_flowed and del_sp else content]
        pending, depth = (whole, level) if is_flowed else (None, level)
        if pending is None:
            done.append(_quoted(level, whole))
    if pending is not None:
        done.append(_quoted(depth, pending))
    return "\n".join(done)


def _quoted(depth, pieces):
    return (">" * depth + " " if depth else "") + "".join(pieces)
