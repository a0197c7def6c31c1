"""What can go wrong with a mail that was fetched."""


class UnreadableMail(Exception):
    """This mail cannot be parsed: it goes to quarantine with the text as reason."""
