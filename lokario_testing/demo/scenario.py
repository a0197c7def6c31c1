"""The scenario in the order they are played: (title, function of the stage)."""

from . import billing, engine, inbox, saas

SCENARIOS = [
    ("provisioning a client", saas.provision),
    ("suspending and reactivating it", saas.suspend_and_reactivate),
    ("connecting the company's mailbox", inbox.connect_mailbox),
    ("sending a quote from that mailbox", billing.send_quotation),
    ("reminding a late customer once", billing.remind),
    ("warming up the mail engine", engine.warm_up),
]
