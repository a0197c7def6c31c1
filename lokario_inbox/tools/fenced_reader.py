"""Reading a stranger's mail in a child process with budgets of time and memory.

What goes beyond its budget goes to quarantine; see `FencedProcess` of lokario_base.
"""

from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import UnreadableMail
from .mail_frames import mail_from_frame, parts_to_frame
from .mime_message import Mail, parse_mail
from .visible_text import visible_text

SMALL = 8 * 1024  # bytes; nothing written in so few takes long, and most mails are read here
WALL = 60.0  # seconds for one mail on a busy machine; its processor time is limited by the child itself
ANSWER_ROOM = 16 * 1024 * 1024  # bytes an answer may have beyond four times its mail


class FencedReader:
    """Thread-safe: mails follow each other. A forked process starts a child of its own."""

    def __init__(self):
        self._child = FencedProcess(f"{__package__}.fenced_child")

    def parse_mail(self, raw: bytes) -> Mail:
        """As `mime_message.parse_mail`; raises UnreadableMail also for what goes beyond the budget."""
        return parse_mail(raw) if len(raw) <= SMALL else self._read({"operation": "whole"}, raw)

    def parse_partial(self, header: bytes, size: int, bodies: tuple, attachments) -> Mail:
        """As `mime_message.parse_partial`."""
        texts = [text.encode("utf-8", "replace") for text in bodies]
        parts, _contents = parts_to_frame(attachments)
        request = {"operation": "partial", "size": size, "plain": len(texts[0]), "html": len(texts[1]), "parts": parts}
        return self._read(request, texts[0] + texts[1] + header)

    def visible_text(self, markup: str) -> str:
        """As `visible_text.visible_text`; what goes beyond the budget has no visible text."""
        if len(markup) <= SMALL:
            return visible_text(markup)
        try:
            return self._ask({"operation": "visible"}, markup.encode("utf-8", "replace"))[0]["text"]
        except UnreadableMail:
            return ""

    def close(self):
        self._child.close()

    def _read(self, request, blob):
        answer, contents = self._ask(request, blob)
        return mail_from_frame(answer["mail"], contents)

    def _ask(self, request, blob):
        try:
            answer, contents = self._child.ask(request, blob, seconds=WALL, room=4 * len(blob) + ANSWER_ROOM)
        except BeyondBudget as err:
            raise UnreadableMail("This mail takes more time or memory to read than a mail may.") from err
        if "problem" in answer:
            raise UnreadableMail(answer["problem"])
        return answer, contents


reader = FencedReader()
