"""Texts of strangers in files for spreadsheet programs, which compute what looks like a formula."""

STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_text(value):
    """Return a cell that stays a text; numbers and dates are what they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(STARTS_FORMULA) else value
