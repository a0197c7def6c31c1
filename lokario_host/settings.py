"""What the supervisor is told by odoo.conf, and what it tells the instances' processes."""

import grp
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from odoo.tools import config

from . import addons, sandbox
from .routes import Instance

HERE = Path(__file__).resolve().parent.parent
MEGABYTE = 1024 * 1024
MEMORY = 2048 * MEGABYTE
LIMITS = {
    "RLIMIT_DATA": MEMORY,  # not RLIMIT_AS: Chromium, which prints for the instance, reserves far more than it uses
    "RLIMIT_NOFILE": 1024,
    "RLIMIT_NPROC": 256,
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 4096 * MEGABYTE,
}


@dataclass(frozen=True)
class Settings:
    """``folder`` holds a folder for each instance, ``sockets`` a listening socket for each active one.

    ``addons`` holds copies of what templates name besides Odoo's own modules. ``front_group`` is the group of the web
    server in front, which finds each socket below ``hosts`` by the instance's host.
    """

    manager_database: str
    folder: Path
    sockets: Path
    addons: Path
    front_group: int = -1

    @property
    def hosts(self) -> Path:
        return self.sockets / "hosts"

    @classmethod
    def read(cls):
        from odoo.addons.lokario_base.server_settings import server_setting

        data = Path(config["data_dir"]).resolve()
        group = server_setting("FRONT_GROUP")
        return cls(
            manager_database=server_setting("MANAGER_DB") or "lokario",
            folder=data / "instances",
            sockets=data / "sockets",
            addons=data / "instance-addons",  # not `addons`: there Odoo itself looks for modules
            front_group=grp.getgrnam(group).gr_gid if group else -1,
        )

    def of(self, instance: Instance, password: str) -> dict:
        """Everything that the process of ``instance`` is told; raises ValueError when it would be root's."""
        if os.getuid() == 0 and not instance.uid:
            raise ValueError("the manager does not run as root, so it has given the instance no user of its own")
        home = self.folder / instance.database
        options = {
            "db_name": [instance.database],
            "db_user": instance.role,
            "db_password": password,
            "db_maxconn": 8,
            "data_dir": str(home),
            "max_cron_threads": 1,
            "workers": 0,
            "list_db": False,
            "proxy_mode": True,
            "limit_memory_hard": MEMORY,
            "limit_memory_soft": MEMORY * 3 // 4,
            "limit_time_real": 120,
            "limit_time_real_cron": 900,
        }
        return {
            "database": instance.database,
            "addons": addons.copy_others(instance.modules.split(","), self.addons),
            "uid": instance.uid if os.getuid() == 0 else 0,
            "idle_seconds": instance.idle_minutes * 60,
            "limits": LIMITS,
            "options": options,
            "environment": {"HOME": str(home), "TMPDIR": str(home / "tmp"), "LANG": "C.UTF-8", "PATH": os.defpath},
        }

    def parent_command(self, descriptor: int, modules: list[str]) -> list[str]:
        options = {"--http-interface": "127.0.0.1", "--db_host": config["db_host"], "--db_port": config["db_port"]}
        given = [f"{name}={value}" for name, value in options.items() if value]
        given += ["--load=base,rpc,web", f"--data-dir={self.folder}", "--no-database-list", "--db_user=nobody"]
        shutil.rmtree(self.addons, ignore_errors=True)  # the code may be another one since
        for folder in (self.folder, self.addons):
            folder.mkdir(parents=True, exist_ok=True)
        folders = addons.copy_others(modules, self.addons)
        python = [sys.executable, "-m", "lokario_host.parent", str(descriptor)]
        python += [",".join(modules), ",".join(folders), *given]
        host = str(config["db_host"] or "")
        shown = [*sandbox.code_folders(), HERE / "lokario_host", self.folder, self.addons]
        shown += [Path(host)] if host.startswith("/") else []
        return sandbox.command(python, shown, [HERE, Path(config["data_dir"]).resolve()])

    def parent_environment(self) -> dict[str, str]:
        """Nothing of the manager's: what a parent knows, its children could read."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONPATH": str(HERE),
                "PYTHONUNBUFFERED": "1", "HOME": "/nonexistent"}  # fmt: skip
