"""Who gets what."""

ROLES = [("owner", "Owner"), ("technical", "Technical"), ("billing", "Billing")]

# Kinds of messages besides those of saas_manager: the reminders.
REMINDERS = [
    ("credentials_unused", "Credentials not used"),
    ("suspending", "Suspension ahead"),
    ("certificate", "Certificate expires soon"),
    ("unreachable", "Address not reachable"),
    ("unpaid", "Invoice not paid"),
]
TEMPLATES = {kind: f"saas_notification.mail_template_{kind}" for kind, _label in REMINDERS}

# Credentials go to the client alone, see saas.credentials.
ROLES_OF_KIND = {
    "provisioned": set(),
    "suspended": {"owner", "technical", "billing"},
    "reactivated": {"owner", "technical", "billing"},
    "terminated": {"owner", "technical", "billing"},
    "converted": {"owner", "technical"},
    "expiring": {"owner", "billing"},
    "credentials_unused": set(),
    "suspending": {"owner", "technical", "billing"},
    "certificate": {"owner", "technical"},
    "unreachable": {"owner", "technical"},
    "unpaid": {"owner", "billing"},
}
# What concerns access and data cannot be refused; saas.preference says why.
REQUIRED = {"provisioned", "suspended", "terminated"}
