"""Reading a stranger's mail in a child process with budgets of time and memory.

What goes beyond its budget goes to quarantine; see `FencedProcess` of lokario_base. The mails of a batch travel
together: the child reads them while this process writes what was read before.
"""

import contextlib
import logging

from odoo.addons.lokario_base.tools.fenced_child import pack_frame
from odoo.addons.lokario_base.tools.fenced_process import BeyondBudget, FencedProcess

from ..exceptions import UnreadableMail
from .mail_frames import mail_from_frame, parts_to_frame
from .mime_message import Mail, parse_mail
from .visible_text import visible_text

_logger = logging.getLogger(__name__)

SMALL = 8 * 1024  # bytes; nothing written in so few takes long, and a mail that comes alone is read here
FRAME = 256 * 1024  # bytes of mails that travel together
WALL = 60.0  # seconds for one frame on a busy machine; processor time is limited by the child itself, mail by mail
ANSWER_ROOM = 16 * 1024 * 1024  # bytes an answer may have beyond four times its mails
BEYOND = "This mail takes more time or memory to read than a mail may."


class FencedReader:
    """Thread-safe: requests follow each other. A forked process starts a child of its own."""

    def __init__(self):
        self._child = FencedProcess(f"{__package__}.fenced_child")

    def parse_mail(self, raw: bytes) -> Mail:
        """As `mime_message.parse_mail`; raises UnreadableMail also for what goes beyond the budget."""
        (found,) = self.parse_mails([raw])
        if isinstance(found, UnreadableMail):
            raise found
        return found

    def parse_mails(self, raws: list[bytes]) -> list[Mail | UnreadableMail]:
        """Return each mail, or why it cannot be read."""
        if sum(map(len, raws)) <= SMALL:
            return list(map(_read_here, raws))
        return self._read(list(_frames(raws)))

    def parse_partial(self, header: bytes, size: int, bodies: tuple, attachments) -> Mail:
        """As `mime_message.parse_partial`."""
        texts = [text.encode("utf-8", "replace") for text in bodies]
        parts, _contents = parts_to_frame(attachments)
        request = {"operation": "partial", "size": size, "plain": len(texts[0]), "html": len(texts[1]), "parts": parts}
        answer, contents = self._ask(request, texts[0] + texts[1] + header)
        return mail_from_frame(answer["mail"], contents)

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

    def _read(self, frames):
        """The mails of all frames; which one of a frame is beyond the budget is seen when they come one by one."""
        found = []
        while frames:
            for answer, contents in self._answers(frames):
                found += _opened(answer, contents)
                frames = frames[1:]
            if frames:
                raws, *frames = frames
                found += [UnreadableMail(BEYOND)] if len(raws) == 1 else self._read([[raw] for raw in raws])
        return found

    def _answers(self, frames):
        """Yield the child's answers up to a frame beyond its budget; it reads one while the next is on its way."""
        requests, is_sent = map(_request, frames), False
        request = next(requests)
        with contextlib.suppress(BeyondBudget), self._child.conversation():
            while request:
                if not is_sent:
                    self._child.send(request)
                following = next(requests, b"")
                is_sent = 0 < len(following) <= self._child.pipe
                if is_sent:
                    self._child.send(following)
                yield self._child.receive(WALL, room=4 * len(request) + ANSWER_ROOM)
                request = following

    def _ask(self, request, blob):
        try:
            answer, contents = self._child.ask(request, blob, seconds=WALL, room=4 * len(blob) + ANSWER_ROOM)
        except BeyondBudget as err:
            raise UnreadableMail(BEYOND) from err
        if "problem" in answer:
            raise UnreadableMail(answer["problem"])
        return answer, contents


def _frames(raws):
    frame, size = [], 0
    for raw in raws:
        if frame and size + len(raw) > FRAME:
            yield frame
            frame, size = [], 0
        frame.append(raw)
        size += len(raw)
    if frame:
        yield frame


def _read_here(raw):
    try:
        return parse_mail(raw)
    except UnreadableMail as err:
        return err
    except Exception as err:
        _logger.warning("A mail cannot be parsed", exc_info=True)
        return UnreadableMail(f"{type(err).__name__}: {err}")


def _request(raws):
    return pack_frame({"operation": "mails", "sizes": list(map(len, raws))}, b"".join(raws))


def _opened(answer, contents):
    start = 0
    for mail in answer["mails"]:
        end = start + mail["length"]
        is_read = "problem" not in mail
        yield mail_from_frame(mail["mail"], contents[start:end]) if is_read else UnreadableMail(mail["problem"])
        start = end


reader = FencedReader()
