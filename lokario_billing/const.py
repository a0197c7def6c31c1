"""Vocabulary that several models of the addon share."""

FOLLOWUP_KINDS = [
    ("quote", "Unanswered quote"),
    ("invoice", "Unpaid invoice"),
    ("missing_info", "Missing information"),
    ("appointment", "Appointment"),
    ("inactive", "Inactive customer"),
    ("project", "Project waiting"),
]

FOLLOWUP_SOURCES = [
    ("quote", "Quote"),
    ("invoice", "Invoice"),
    ("appointment", "Appointment"),
    ("project", "Project"),
    ("conversation", "Conversation"),
    ("manual", "By hand"),
]

AUTO_CHOICES = [("default", "As usual"), ("on", "Always"), ("off", "Never")]

WHY_NOT = [
    ("paid", "Paid"),
    ("in_payment", "Payment under way"),
    ("reversed", "Credit note issued"),
    ("cancelled", "Document cancelled"),
    ("signed", "Signed by the customer"),
    ("refused", "Refused by the customer"),
    ("expired", "The quote has expired"),
    ("opted_out", "The customer does not want reminders"),
    ("answered", "The customer has answered"),
    ("handed_over", "Handed over to a collection agency"),
    ("exhausted", "All reminders have been sent"),
    ("switched_off", "Automatic follow-ups are switched off in the billing settings"),
    ("not_approved", "The first automatic run has not been approved yet"),
    ("company_paused", "Follow-ups of the company are paused"),
    ("auto_off", "Automatic follow-up is off for this document (auto_enabled)"),
    ("do_not_contact", "The customer must not be contacted by anybody"),
    ("disputed", "Disputed by the customer"),
    ("promised", "Payment promised"),
    ("partly_kept", "A promise was kept in part: some days more"),
    ("plan", "A payment plan is being kept"),
    ("direct_debit", "A direct debit is under way"),
    ("payment_pending", "A payment was announced or is under way"),
    ("bank_money", "Money on the bank statement fits: match it"),
    ("bank_sum", "A bank payment without a name has this sum: match it"),
    ("undelivered", "The last reminder did not arrive: correct the address or send it by hand"),
    ("not_arrived", "The invoice has not reached the customer: send it first"),
    ("answer_pending", "The customer's answer has not been handled yet"),
    ("below_minimum", "Amount below the minimum"),
    ("unreconciled_credit", "The customer has payments or credits that are not matched yet"),
    ("bank_stale", "The bank journal is not up to date"),
    ("no_recipient", "No e-mail address to write to"),
    ("other_followup", "Another follow-up module deals with this document"),
    ("in_flight", "A reminder is on its way"),
    ("approval", "A colleague has to approve this level"),
    ("no_level", "No level applies"),
    ("not_reached", "Delay not reached"),
    ("window", "Outside sending hours"),
    ("customer_day", "The recipient already gets a reminder that day"),
]
