"""What an SMS costs: operators charge segments (3GPP TS 23.038 and 23.040)."""

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = set("^{}\\[~]|€\f")  # behind an escape


def segments(text: str) -> int:
    """How many segments a text takes; 0 for none."""
    if not text:
        return 0
    if GSM.union(GSM_TWICE).issuperset(text):
        return _count([1 + (letter in GSM_TWICE) for letter in text], 160, 153)
    return _count([len(letter.encode("utf-16-be")) // 2 for letter in text], 70, 67)


def _count(widths: list[int], alone: int, each: int) -> int:
    """A letter of two units is not cut in two."""
    if sum(widths) <= alone:
        return 1
    count = used = 0
    for width in widths:
        if not count or used + width > each:
            count, used = count + 1, 0
        used += width
    return count
