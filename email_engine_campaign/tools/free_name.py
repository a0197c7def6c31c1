"""What a copy is called."""

from itertools import count


def free_name(name: str, taken: set[str]) -> str:
    """Return "Offer (2)" for a copy of "Offer", or the next number that is not taken."""
    return next(free for number in count(2) if (free := f"{name} ({number})") not in taken)
