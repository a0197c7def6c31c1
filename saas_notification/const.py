"""Who gets what."""

ROLES = [("owner", "Owner"), ("technical", "Technical"), ("billing", "Billing")]

# Credentials go to the client alone, see saas.credentials.
ROLES_OF_KIND = {
    "provisioned": set(),
    "suspended": {"owner", "technical", "billing"},
    "reactivated": {"owner", "technical", "billing"},
    "terminated": {"owner", "technical", "billing"},
    "converted": {"owner", "technical"},
    "expiring": {"owner", "billing"},
    "credentials_unused": set(),
}
# What concerns access and data cannot be refused; saas.preference says why.
REQUIRED = {"provisioned", "suspended", "terminated"}
