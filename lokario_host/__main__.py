"""``python -m lokario_host -c odoo.conf``: runs the instances of the manager that this configuration names."""

import logging
import sys

from odoo.modules.module import initialize_sys_path
from odoo.tools import config

from . import sandbox
from .settings import Settings
from .supervisor import Supervisor, end_with_parent


def main() -> None:
    config.parse_config(sys.argv[1:], setup_logging=True)
    initialize_sys_path()
    end_with_parent()
    logging.getLogger("lokario_host").setLevel(logging.INFO)
    if reason := sandbox.problem():
        raise SystemExit(f"lokario host: {reason}.")
    from odoo.addons.lokario_base.fields import get_vault
    from odoo.addons.lokario_base.tools.vault import VaultError

    def unseal(instance):
        try:
            return get_vault().unseal(instance.sealed, f"lokario.gate.route/{instance.database}")
        except VaultError as error:
            raise ValueError(str(error)) from error

    Supervisor(Settings.read(), unseal).run()


main()
