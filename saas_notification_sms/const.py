"""What is said by SMS. Credentials never are."""

KINDS = (
    *("suspended", "reactivated", "terminated", "converted", "expiring"),
    *("credentials_unused", "suspending", "unreachable", "unpaid"),
)
SMS_TEMPLATES = {kind: f"saas_notification_sms.sms_template_{kind}" for kind in KINDS}
BY_SMS = {"sms", "both"}  # choices of a preference
TEMPORARY = {"sms_server", "sms_credit", "sms_acc"}  # what a provider refuses today and may take tomorrow
