"""Bounds and vocabulary that several parts of the inbox share."""

BACKOFF_MAX = 6 * 3600  # seconds between two tries of a failing mailbox, at most
EXPUNGED_DAYS = 365  # a mail deleted at the server is remembered so long, so that nothing brings it back

SPECIAL_USES = [
    ("inbox", "Inbox"),
    ("sent", "Sent"),
    ("drafts", "Drafts"),
    ("archive", "Archive"),
    ("junk", "Spam"),
    ("trash", "Trash"),
    ("all", "All mail"),
    ("flagged", "Flagged"),
    ("important", "Important"),
]
