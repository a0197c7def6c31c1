"""How mails travel between a process and its fenced child: JSON and bytes, never pickles of what read a stranger."""

from datetime import datetime

from .mime_message import Mail
from .mime_parts import Part


def mail_to_frame(mail: Mail) -> tuple[dict, bytes]:
    """Return (document, contents of its attachments one behind the other)."""
    values = {name: value for name, value in vars(mail).items() if name != "attachments"}
    values["date_header"] = mail.date_header and mail.date_header.isoformat()
    values["attachments"], contents = parts_to_frame(mail.attachments)
    return values, contents


def mail_from_frame(values: dict, contents: bytes) -> Mail:
    """Return the Mail of `mail_to_frame`."""
    date = values["date_header"] and datetime.fromisoformat(values["date_header"])
    return Mail(
        **{**values, "date_header": date, "attachments": tuple(parts_from_frame(values["attachments"], contents))}
    )


def parts_to_frame(parts) -> tuple[list, bytes]:
    """Return (documents, contents); ``content`` becomes its length, or None where it waits at the server."""
    documents = [{**vars(part), "content": None if part.content is None else len(part.content)} for part in parts]
    return documents, b"".join(part.content or b"" for part in parts)


def parts_from_frame(documents: list, contents: bytes):
    """Yield the Parts of `parts_to_frame`."""
    start = 0
    for document in documents:
        length = document["content"]
        content = None if length is None else contents[start : start + length]
        start += length or 0
        yield Part(**{**document, "content": content})
