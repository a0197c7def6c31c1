"""Names and figures that several models share."""

from datetime import timedelta

STATES = [
    ("draft", "Draft"),
    ("provisioning", "Provisioning"),
    ("active", "Active"),
    ("suspended", "Suspended"),
    ("error", "Error"),
    ("terminated", "Terminated"),
]

# From which state an instance may go where. "error" is where a failed provisioning ends (nothing is
# left of it) and a failed termination (everything is closed, the database may still be there).
TRANSITIONS = {
    "draft": {"provisioning", "terminated"},
    "provisioning": {"active", "error", "terminated"},
    "active": {"suspended", "error", "terminated"},
    "suspended": {"active", "error", "terminated"},
    "error": {"provisioning", "error", "terminated"},
    "terminated": set(),
}

# Steps of a provisioning, in order: code, label, method of saas.instance that does it.
PROVISIONING_STEPS = (
    ("clone", "Copy the template", "_clone_template_database"),
    ("neutralize", "Remove what is the template's", "_neutralize_database"),
    ("customize", "Enter the client's company", "_customize_instance"),
    ("admin", "Create the administrator", "_create_client_admin"),
    ("subdomain", "Publish under its address", "_configure_subdomain"),
    ("verification", "Log in as the administrator", "_verify_instance"),
)
OTHER_STEPS = (
    ("rollback", "Undo everything"),
    ("suspend", "Cut the access"),
    ("reactivate", "Open the access"),
    ("terminate", "Delete the database"),
    ("isolate", "Give it a process and role of its own"),
    ("convert", "Put it into production"),
    ("credentials", "Issue new credentials"),
)
STEP_CODES = [(code, label) for code, label, _method in PROVISIONING_STEPS] + list(OTHER_STEPS)

# What a person asks for and a killed process leaves half-done; written down first, see saas.operation.mixin.
OPERATIONS = [
    ("suspend", "Suspending"),
    ("reactivate", "Reactivating"),
    ("terminate", "Deleting"),
    ("isolate", "Moving to a Process of its Own"),
    ("convert", "Going into Production"),
]
OPERATION_SOURCES = {
    "suspend": {"active"},
    "reactivate": {"suspended"},
    "isolate": {"active", "suspended"},
    "convert": {"active", "suspended"},
}
OPERATION_TARGETS = {"suspend": "suspended", "reactivate": "active", "terminate": "terminated"}
OPERATION_MAILS = {
    "suspend": "suspended",
    "reactivate": "reactivated",
    "terminate": "terminated",
    "convert": "converted",
}
RESUME_AFTER = 20  # seconds until a job looks whether an operation was interrupted
EXPIRY_NOTICE = timedelta(days=7)  # before an instance expires its client is warned
ADMINISTRATORS = "saas_manager.group_saas_manager_manager"

MAIL_TEMPLATES = {
    "provisioned": "saas_manager.mail_template_instance_provisioned",
    "suspended": "saas_manager.mail_template_instance_suspended",
    "reactivated": "saas_manager.mail_template_instance_reactivated",
    "terminated": "saas_manager.mail_template_instance_terminated",
    "converted": "saas_manager.mail_template_instance_converted",
    "expiring": "saas_manager.mail_template_instance_expiring",
}
MAIL_KINDS = [
    ("provisioned", "Instance ready"),
    ("suspended", "Instance suspended"),
    ("reactivated", "Instance reactivated"),
    ("terminated", "Instance deleted"),
    ("converted", "Instance in production"),
    ("expiring", "Instance expires soon"),
]
MAIL_STATES = [
    ("queued", "Queued"),
    ("sending", "Sending"),
    ("sent", "Sent"),
    ("failed", "Failed"),
    ("skipped", "No address"),
    ("refused", "Not Wanted"),
    ("unknown", "Unknown"),
]
MAIL_ATTEMPTS = 5  # of one mail, the first included

PROBE_TIMEOUT = 30  # seconds for one request of the verification
BUS_TYPE = "saas_manager/progress"
