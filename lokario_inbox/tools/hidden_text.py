"""What the author of an HTML mail hid from the reader's eyes: by attribute, by style, by a class of a style block."""

import colorsys
import re
from functools import lru_cache

from lxml import etree, html
from PIL import ImageColor

MARK = "lokario-hidden"  # class of hidden elements in stored mail, whose styles are gone
_NEVER_SHOWN = {"script", "style", "template", "noscript", "head", "title", "object", "svg", "iframe", "audio", "video"}
_GROWING = {"table", "tbody", "tr", "td", "th"}  # whatever size they are said to have
_TINY = 4  # pixels or points; a smaller letter is not read
_FAINT = 0.2  # opacity
_FAR = 100  # pixels out of the page
_CLOSE = 48  # of 441: colours that no eye distinguishes on a screen
_PAGE = (255, 255, 255)  # where nothing else is said
_COMMENT = re.compile(r"/\*(?>(?:[^*]|\*(?!/))*)(?:\*/)?")
VALUE_MAX = 200  # characters of one value; no honest colour or length is longer
_DECIDING = re.compile(
    r"display|visibility|mso-hide|font|font-size|opacity|transform|height|max-height|width|max-width|line-height"
    r"|left|top|right|bottom|text-indent|margin(?:-\w{1,6})?|clip|clip-path|background|background-color|background-image|color"
)
_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|(?:rgb|hsl)a?\([^)]*\)|[a-z]+")
SHEET_MAX = 100_000  # characters of one style block that are read
_LENGTH = re.compile(r"(-?\d*\.?\d+)\s*(px|pt|em|rem|ex|ch|in|cm|mm|vw|vh|%)?")
_PIXELS = {"": 1, "px": 1, "pt": 4 / 3, "em": 16, "rem": 16, "ex": 8, "ch": 8, "in": 96, "cm": 38, "mm": 3.8}

# of what the sanitiser takes away; letters and colons are written by number or name only to conceal them
_WORDS_THAT_HIDE = (
    *("<style", "visibility", "opacity", "position", "clip", "transform", "text-indent", "mso-hide", "hidden", "/*"),
)
_MARKS_THAT_HIDE = (
    re.compile(r"background\s*:"),
    re.compile(r"!\s*important"),
    re.compile(r"text(?<=[\s\"'/]text)\s*="),
    re.compile(r"&#(?:x0*(?:3a|[4-7][0-9a-f])|0*(?:58|6[5-9]|[789]\d|1[0-2]\d))(?![0-9a-f])"),
    re.compile(r"&(?:colon|tab|newline);"),
)
_COLOURED = re.compile(
    r"color(?:(?P<background>(?<=background-color)|(?<=bgcolor))|(?<![\w-]color))\s*+[:=][\s\"']*+(?=(?P<value>[^;\"'<>]{0,200}))"
)
_COLOURS_MAX = 30  # in one mail; where there are more, each place is looked at
_PICTURE = re.compile(r"url\(|gradient\(|image-set\(")
_PICTURE_ATTRIBUTE = re.compile(r"background\s*=")
_MEDIA = re.compile(r"(?:[^{}]*;)?\s*@media([^{}@;<>\\]*)")
# for paper, for night, for telephones: not for what the reader sees
_ELSEWHERE = re.compile(
    r"(?!.*\b(?:not|or)\b)(?:\s*(?:only\s+)?print\b.*"
    r"|.*(?:prefers-color-scheme\s*:\s*dark|max-(?:device-)?width\s*:\s*[1-8]?\d{1,2}px).*)",
    re.DOTALL,
)


def mark_hidden(markup: str) -> str:
    """Return HTML whose hidden elements carry the class MARK; unchanged when nothing can be hidden in it.

    For what the sanitiser takes away: after it, the text would look like any other.
    """
    root = parse(markup)
    found = list(hidden_elements(root)) if root is not None else ()
    for element in found:
        element.set("class", f"{element.get('class') or ''} {MARK}".strip())
    return html.tostring(root, encoding="unicode") if found else markup


def legible(markup: str) -> str:
    """Return sanitised HTML in which no text has the colour of what is behind it, now that style blocks are gone.

    White words on a background that was taken away become black; what its author hid stays as it is.
    """
    root = parse(markup) if _may_be_illegible(markup.lower()) else None
    if root is None or not _mend_below(root, (0, 0, 0), _PAGE):
        return markup
    text = html.tostring(root, encoding="unicode")
    return text[len("<div>") : -len("</div>")]


def may_hide(markup: str) -> bool:
    """Return whether anything in HTML can hide words by means, other than colours, that the sanitiser takes away."""
    lowered = markup.lower()
    return any(word in lowered for word in _WORDS_THAT_HIDE) or any(mark.search(lowered) for mark in _MARKS_THAT_HIDE)


def loses_colours(markup: str, sanitised: str) -> bool:
    """Return whether words may be read or not to be read because colours were taken away with what had them."""
    lowered = markup.lower()
    if not _may_be_illegible(lowered):
        return False
    has_picture = _PICTURE.search(lowered) or _PICTURE_ATTRIBUTE.search(lowered)
    return bool(has_picture) or _named_colours(lowered) != _named_colours(sanitised.lower())


def _named_colours(lowered):
    return [(found["background"], _colour(found["value"])) for found in _COLOURED.finditer(lowered)]


def _may_be_illegible(lowered):
    """Whether any of the text colours in HTML in lower case is that of any background in it: most mails have a few."""
    inks, backgrounds = {(0, 0, 0)}, {_PAGE}
    for found in _COLOURED.finditer(lowered):
        colour = _colour(found["value"])
        is_background = found["background"] is not None
        if "&" in found["value"] or (colour == "transparent" and not is_background):
            return True
        if isinstance(colour, tuple):
            (backgrounds if is_background else inks).add(colour)
        if len(inks) + len(backgrounds) > _COLOURS_MAX:
            return True
    return any(_distance(ink, background) < _CLOSE for ink in inks for background in backgrounds)


def _mend_below(element, ink, behind):
    mended = 0
    for child in element:
        if not isinstance(child.tag, str) or MARK in (child.get("class") or "").split():
            continue
        own_ink, own_behind = _colours(child, _declarations(child.get("style") or ""), ink, behind)
        if _is_alike(own_ink, own_behind) and _has_own_text(child):
            own_ink = (0, 0, 0) if sum(own_behind) > 382 else (255, 255, 255)
            name = "#000000" if own_ink == (0, 0, 0) else "#ffffff"
            child.set("style", f"{child.get('style') or ''};color:{name}".lstrip(";"))
            mended += 1
        mended += _mend_below(child, own_ink, own_behind)
    return mended


def colour_of_background(style: str) -> str:
    """Return the colour that a ``background`` shorthand sets, as CSS; "" without."""
    found = _colour(_declarations(style).get("background"))
    return f"rgb({found[0]},{found[1]},{found[2]})" if isinstance(found, tuple) else ""


def parse(markup: str):
    """Return the root element of a document or fragment that is `bounded`; None for what is no HTML."""
    try:
        return html.fromstring(f"<div>{markup}</div>", parser=html.HTMLParser(huge_tree=True))
    except (etree.ParserError, ValueError):
        return None


def hidden_elements(root):
    """Yield the outermost elements that no reader sees though they hold text."""
    rules, page = _rules(root), root.getparent()
    around = ((0, 0, 0), _PAGE, 16, False)
    yield from _hidden_below(root, rules, around if page is None else _inherited(page, _style_of(page, rules), around))


def _hidden_below(element, rules, around):
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag in _NEVER_SHOWN:
            continue
        style = _style_of(child, rules)
        own = ink, behind, letter, is_flat = _inherited(child, style, around)
        is_unseen = _is_alike(ink, behind) or letter < _TINY or is_flat
        if _is_hidden(child, style) or (is_unseen and _has_own_text(child)):
            yield child
        else:
            yield from _hidden_below(child, rules, own)


def _inherited(element, style, around):
    """(text colour, background, pixels of a letter, lines without height): what an element inside others has of them.

    Containers of newsletters are without letters, those inside of them have some.
    """
    ink, behind, letter, is_flat = around
    size = style.get("font-size") or _font_size(style.get("font", ""))
    found = _LENGTH.match((size or "").strip())
    if found and found[2] in ("em", "%"):
        letter *= float(found[1]) / (100 if found[2] == "%" else 1)
    elif found:
        letter = _pixels(size)
    height = _pixels(style.get("line-height"))
    return *_colours(element, style, ink, behind), letter, is_flat if height is None else height == 0


def _has_own_text(element):
    return any((text or "").strip() for text in (element.text, *(child.tail for child in element)))


# === STYLE === #


def _rules(root):
    """Return {tag, ".class" or "#id": declarations} of the style blocks.

    Wider than CSS (of compound selectors the last name counts): it may hide too much, never too little.
    """
    rules = {}
    for sheet in root.iter("style"):
        for selectors, body in _blocks(_COMMENT.sub("", (sheet.text or "")[:SHEET_MAX]).lower()):
            declarations = _declarations(body)
            for selector in selectors.split(","):
                if key := _key(selector.split()):
                    rules.setdefault(key, {}).update(declarations)
    return rules


def _blocks(sheet):
    """Yield (selectors, declarations as text) of what may be meant for a screen by day."""
    is_elsewhere = False
    for block in sheet.split("}")[:-1]:
        before, brace, body = block.rpartition("{")
        opened, opens, selectors = before.rpartition("{")
        if opens or not brace:  # a block without an opening ends the media query
            is_elsewhere = _is_elsewhere(opened)
        if not is_elsewhere:
            yield selectors, body


def _is_elsewhere(opened):
    query = _MEDIA.fullmatch(opened) if len(opened) <= VALUE_MAX else None
    return bool(query) and all(map(_ELSEWHERE.fullmatch, query[1].split(",")))


def _key(parts):
    """Return the name that decides; a bare tag inside of something else would hide far too much."""
    names = re.findall(r"[.#][\w-]+", parts[-1]) if parts else ()
    return names[-1] if names else parts[0] if len(parts) == 1 else None


def _declarations(text):
    text = _COMMENT.sub("", text) if "/*" in text else text
    pairs = (item.partition(":") for item in text.lower().split(";"))
    return {
        name.strip(): value.partition("!")[0].strip()[: VALUE_MAX + 1]
        for name, colon, value in pairs
        if colon and _DECIDING.fullmatch(name.strip())
    }


def _style_of(element, rules):
    classes = (element.get("class") or "").lower().split()
    keys = ("*", element.tag, *(f".{name}" for name in classes), f"#{(element.get('id') or '').lower()}")
    style = {}
    for key in keys:
        style |= rules.get(key, {})
    return style | _declarations(element.get("style") or "")


def _is_hidden(element, style):
    return (
        "hidden" in element.attrib
        or MARK in (element.get("class") or "").split()
        or (element.get("aria-hidden") or "").lower() == "true"
        or (element.get("size") or "").strip() in ("0", "-7")
        or (element.tag == "input" and (element.get("type") or "").lower() == "hidden")
        or style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or style.get("mso-hide") == "all"
        or _is_small(element, style)
        or _is_away(style)
    )


def _is_small(element, style):
    opacity = _number(style.get("opacity"))
    scaled = re.search(r"scale[xy]?\(\s*0?\.?0*\s*[,)]", style.get("transform", ""))
    sizes = () if element.tag in _GROWING else ("height", "max-height", "width", "max-width")
    boxes = (_pixels(style.get(name)) for name in sizes)
    return (
        (opacity is not None and opacity < _FAINT) or bool(scaled) or any(box is not None and box <= 1 for box in boxes)
    )


def _font_size(font):
    found = _LENGTH.search(font)
    return found.group() if found else None


def _is_away(style):
    moved = (_pixels(style.get(name)) for name in ("left", "top", "right", "bottom", "text-indent"))
    margins = (_pixels(value) for name, text in style.items() if name.startswith("margin") for value in text.split())
    clipped = re.search(r"rect\(\s*0|inset\(\s*(100|50)%", f"{style.get('clip', '')} {style.get('clip-path', '')}")
    shifted = re.search(r"translate[xy3d]*\(\s*-\d{3,}", style.get("transform", ""))
    far = any(value is not None and abs(value) >= 5 * _FAR for value in moved)
    far |= any(len(style.get(name, "")) > VALUE_MAX for name in ("clip", "clip-path", "transform"))  # not read whole
    return far or any(value is not None and value <= -_FAR for value in margins) or bool(clipped or shifted)


def _pixels(length):
    found = _LENGTH.match((length or "").strip())
    if not found:
        return None
    number, unit = float(found[1]), found[2] or ""
    if unit == "%":
        return number * 0.16  # of an ordinary letter
    return number * _PIXELS.get(unit, 10)


def _number(value):
    try:
        return float(value.rstrip("%")) / (100 if value.endswith("%") else 1) if value else None
    except ValueError:
        return None


# === COLOUR === #


def _colours(element, style, ink, behind):
    """Return the text colour and the background of an element inside others, None where that is a picture."""
    background = _colour(style.get("background-color") or style.get("background") or element.get("bgcolor"))
    behind = background if isinstance(background, tuple) else behind
    pictures = f"{style.get('background', '')} {style.get('background-image', '')}"
    behind = None if element.get("background") or _PICTURE.search(pictures) else behind
    colour = _colour(style.get("color") or element.get("color") or element.get("text"))
    return (behind if colour == "transparent" else colour or ink), behind


def _colour(text):
    """Return (red, green, blue), "transparent", or None for what is not known."""
    return _colour_in(text[:VALUE_MAX].lower()) if text else None


@lru_cache(maxsize=1024)
def _colour_in(text):
    for word in _COLOUR.findall(text):
        if word == "transparent":
            return word
        if word.startswith(("rgb", "hsl")):
            return _from_function(word)
        if (len(word) in (4, 5, 7, 9) and word[0] == "#") or word in ImageColor.colormap:
            red, green, blue, *alpha = ImageColor.getrgb(word)
            return "transparent" if alpha and alpha[0] < 255 * _FAINT else (red, green, blue)
    return None


def _from_function(word):
    written = re.findall(r"[\d.]+%?", word)[:4]
    values = [_number(text) for text in written]
    if len(values) < 3 or None in values:
        return None
    if len(values) > 3 and values[3] < _FAINT:
        return "transparent"
    most = (360, 100, 100) if word.startswith("hsl") else (255, 255, 255)
    shares = [
        value if "%" in text else value / whole for value, text, whole in zip(values, written, most, strict=False)
    ]
    if word.startswith("hsl"):
        shares = colorsys.hls_to_rgb(shares[0] % 1, min(1, shares[2]), min(1, shares[1]))
    return tuple(min(255, round(255 * share)) for share in shares)


def _is_alike(ink, behind):
    """Whether nobody reads letters of that colour; those on a picture are read, and when it is not shown, too."""
    return None not in (ink, behind) and _distance(ink, behind) < _CLOSE


def _distance(one, other):
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
