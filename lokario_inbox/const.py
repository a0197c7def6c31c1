"""Bounds and vocabulary that several parts of the inbox share."""

SYNC_INTERVAL = 5  # minutes between two looks at a healthy mailbox
BACKOFF_MAX = 6 * 3600  # seconds between two tries of a failing mailbox, at most
TOMBSTONE_DAYS = 365  # a mail deleted at the server is remembered so long, so that nothing brings it back

IMAP_PORTS = (143, 993)
SMTP_PORTS = (25, 465, 587, 2525)

ERROR_CLASSES = [
    ("login", "Login refused"),
    ("network", "Network"),
    ("tls", "TLS certificate"),
    ("quota", "Quota or throttling"),
    ("server", "Server fault"),
    ("policy", "Address not allowed"),
    ("configuration", "Configuration"),
]

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
