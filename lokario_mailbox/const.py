"""Bounds and vocabulary that several parts of mailboxes share."""

SYNC_INTERVAL = 5  # minutes between two synchronisations of a healthy mailbox

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
