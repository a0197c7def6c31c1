"""The chapters in the order they are played: (title, function of the stage)."""

from . import saas

CHAPTERS = [
    ("provisioning a client", saas.provision),
]
