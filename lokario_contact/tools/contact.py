"""What a visitor may send by the contact form."""

import unicodedata
from dataclasses import dataclass

from odoo.addons.lokario_base.tools.email_address import MAX_LENGTH, plain_address

LIMITS = {"name": 100, "email": MAX_LENGTH, "company": 100, "message": 5000}  # characters
REQUIRED = ("name", "email", "message")
JOINERS = "\u200c\u200d"  # parts of words in Persian, Hindi and others, and of emoji
HONEYPOT = "website"  # a field that people do not see and programs fill


@dataclass(frozen=True)
class ContactMessage:
    name: str
    email: str
    company: str
    message: str


class InvalidMessage(ValueError):
    """Names the fields that are wrong: ``{field: "missing" | "too_long" | "invalid"}``."""

    def __init__(self, errors: dict[str, str]):
        super().__init__(", ".join(sorted(errors)))
        self.errors = errors


def clean(text, multiline: bool = False) -> str:
    """Return the text without control characters; line breaks stay only where several lines are meant."""
    text = text if isinstance(text, str) else ""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (char if char == "\n" and multiline else " " if char in "\n\t" else char for char in text)
    kept = (char for char in kept if char in f"\n{JOINERS}" or unicodedata.category(char)[0] != "C")
    return "".join(kept).strip().strip(JOINERS)


def parse_message(form: dict) -> ContactMessage:
    """Return what the visitor wrote, cleaned.

    :raises InvalidMessage: a field is missing, too long or no address
    """
    values = {name: clean(form.get(name), multiline=name == "message") for name in LIMITS}
    errors = {name: "too_long" for name, limit in LIMITS.items() if len(values[name]) > limit}
    errors |= {name: "missing" for name in REQUIRED if not values[name]}
    address = plain_address(form.get("email"))
    if "email" not in errors and not address:
        errors["email"] = "invalid"
    if errors:
        raise InvalidMessage(errors)
    return ContactMessage(**{**values, "email": address})
