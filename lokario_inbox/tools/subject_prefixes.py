"""What mail programs write before a subject that is answered or forwarded, in the languages that customers write."""

import re

_COUNT = r"(?: ?[\[(\uff08]\d+[\])\uff09]|\^\d+)?\.? ?[:\uff1a] ?"
_REPLY = re.compile(
    r"(?:re|aw|sv|vs|rép|rep|réf|réponse|ré|r|antw|betr|antwort|odp|res|rif|ref|ynt|yanıt|cvp|atb|vá|vál|bls|απ|σχετ|отв|ответ|відп|на"
    r"|השב|תגובה|רד|رد|回复|回覆|答复|答覆|返信|회신|답장|trả lời)" + _COUNT,
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"(?:fwd?|tr|wg|i|enc|rv|doorst|pd|vb|vl|i̇?lt|i̇?let|πρθ|fs|tb|tov|transféré|transfert|továbbítás|пересл|пер|הועבר|העבר|转发|轉寄|轉發|転送|전달"
    r"|chuyển tiếp|إعادة توجيه)" + _COUNT,
    re.IGNORECASE,
)
_TAG = re.compile(r"\[[^\]]{1,40}\] ?|【[^】]{1,40}】 ?")


def without_prefixes(subject: str | None) -> tuple[str, bool]:
    """Return the subject without prefixes and the tag of a list, and whether it answers something.

    >>> without_prefixes("RE : TR : [equipe] Devis")
    ('Devis', True)
    """
    rest, replied = " ".join((subject or "").split()).replace("\u0130", "i"), False
    while True:
        tag = _TAG.match(rest)
        behind = rest[tag.end() :] if tag else rest
        reply, forward = _REPLY.match(behind), _FORWARD.match(behind)
        if not (reply or forward):
            break
        replied = replied or bool(reply)
        rest = behind[(reply or forward).end() :]
    return _TAG.sub("", rest, count=1) if _TAG.match(rest) else rest, replied


def retitled(subject: str, *, is_forward: bool) -> str:
    """Return the subject of an answer or a forward; one that has such a prefix, in whatever language, keeps it.

    >>> retitled("Devis", is_forward=False)
    'Re: Devis'
    """
    pattern, prefix = (_FORWARD, "Fwd: ") if is_forward else (_REPLY, "Re: ")
    return subject if pattern.match(subject.lstrip()) else prefix + subject
