"""One provisioning, from its first step to its last."""

import dataclasses
from contextlib import ExitStack

from .admin_credentials import FreshPassword
from .instance_database import InstanceDatabase


@dataclasses.dataclass
class Run:
    """What the steps of one provisioning hand to each other; lives in memory only."""

    database: InstanceDatabase
    password: FreshPassword
    stack: ExitStack
    connection: object = None
    warnings: list = dataclasses.field(default_factory=list)
