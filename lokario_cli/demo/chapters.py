"""The chapters in the order they are played: (title, function of the stage)."""

from . import inbox, saas

CHAPTERS = [
    ("provisioning a client", saas.provision),
    ("connecting the company's mailbox", inbox.connect_mailbox),
]
