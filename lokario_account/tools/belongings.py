"""What a form says about the belongings of an account."""

FIELD = "belonging_"  # before a belonging's key: the name of its field
LONGEST_ID = 9


def chosen(params: dict) -> dict[str, tuple[str, int]]:
    """Return {key: (choice, heir's id)} of a form.

    >>> chosen({"belonging_mailbox:4": "hand_over:7", "belonging_x": "keep", "belonging_y": "", "password": "z"})
    {'mailbox:4': ('hand_over', 7), 'x': ('keep', 0)}
    """
    return {
        name.removeprefix(FIELD): _decision(value)
        for name, value in params.items()
        if name.startswith(FIELD) and isinstance(value, str) and value
    }


def _decision(value: str) -> tuple[str, int]:
    choice, _colon, heir = value.partition(":")
    return choice, int(heir) if heir.isdecimal() and len(heir) <= LONGEST_ID else 0
