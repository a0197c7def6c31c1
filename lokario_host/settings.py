"""What the supervisor is told by odoo.conf, and what it tells the instances' processes."""

import grp
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from odoo.tools import config

from . import addons, limits, sandbox
from .routes import Instance

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """``folder`` holds a folder for each instance, ``sockets`` a listening socket for each active one.

    ``addons`` holds copies of what templates name besides Odoo's own modules. ``front_group`` is the group of the web
    server in front, which finds each socket below ``hosts`` by the instance's host. ``host_name`` is empty for the host
    beside the manager; another one runs the instances of the servers that name it.
    """

    manager_database: str
    folder: Path
    sockets: Path
    addons: Path
    groups: limits.Groups
    front_group: int = -1
    host_name: str = ""

    @property
    def hosts(self) -> Path:
        return self.sockets / "hosts"

    @property
    def state_file(self) -> Path:
        """What the manager wanted last, for a start while it is away."""
        return self.sockets / "state.json"

    @classmethod
    def read(cls):
        from odoo.addons.lokario_base.server_settings import server_setting

        data, name = Path(config["data_dir"]).resolve(), server_setting("HOST_NAME")
        group = server_setting("FRONT_GROUP")
        return cls(
            manager_database=server_setting("MANAGER_DB") or "lokario",
            folder=data / "instances",
            sockets=Path(server_setting("HOST_SOCKETS") or data / "sockets"),
            addons=data / f"instance-addons{name and '-'}{name}",  # not `addons`: there Odoo itself looks for modules
            groups=limits.Groups.delegated(),
            host_name=name,
            front_group=grp.getgrnam(group).gr_gid if group else -1,
        )

    def prepare(self) -> None:
        """Make the folders; copies of addons of an earlier start go, the code may be another one since."""
        shutil.rmtree(self.addons, ignore_errors=True)
        for folder in (self.folder, self.addons, self.sockets, self.hosts):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # its sub-folders are named after clients
        for folder in (self.sockets, self.hosts):
            os.chown(folder, -1, self.front_group)
            folder.chmod(0o700 if self.front_group < 0 else 0o710)

    def of(self, instance: Instance, password: str) -> dict:
        """Everything that the process of ``instance`` is told; raises ValueError when it would be root's."""
        if os.getuid() == 0 and not instance.uid:
            raise ValueError("the manager does not run as root, so it has given the instance no user of its own")
        home, figures = self.folder / instance.database, limits.of_plan(instance.plan_limits)
        memory, folders = figures["memory_mb"] * limits.MEGABYTE, addons.copy_others(instance.module_list, self.addons)
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
            "limit_memory_hard": memory,
            "limit_memory_soft": memory * 3 // 4,
            "limit_time_real": 120,
            "limit_time_real_cron": 900,
        }
        return {
            "database": instance.database,
            "addons": folders,
            "uid": self.uid_of(instance),
            "idle_seconds": instance.idle_minutes * 60,
            "limits": limits.for_processes(figures),
            "own_folders": sandbox.own_folders(self._shown(folders)),
            "group": self.groups.of(instance.database, figures),
            "options": options,
            "environment": {"HOME": str(home), "TMPDIR": str(home / "tmp"), "LANG": "C.UTF-8", "PATH": os.defpath},
        }

    def uid_of(self, instance: Instance) -> int:
        """The user of its processes; 0 where they are all ours."""
        return instance.uid if os.getuid() == 0 else 0

    def parent_command(self, descriptor: int, modules: list[str]) -> list[str]:
        """The parent of all instances with these modules; of the templates' own addons it sees theirs alone."""
        options = {"--http-interface": "127.0.0.1", "--db_host": config["db_host"], "--db_port": config["db_port"]}
        given = [f"{name}={value}" for name, value in options.items() if value]
        given += ["--load=base,rpc,web", f"--data-dir={self.folder}", "--no-database-list", "--db_user=nobody"]
        folders = addons.copy_others(modules, self.addons)
        python = [sys.executable, "-m", "lokario_host.parent", str(descriptor)]
        python += [",".join(modules), ",".join(folders), *given]
        hidden = [HERE, Path(config["data_dir"]).resolve(), self.sockets]
        return sandbox.command(python, self._shown(folders), hidden)

    def _shown(self, folders: list[str]) -> list[Path]:
        """What instances with these addons folders see of the machine beyond its system."""
        host = str(config["db_host"] or "")
        sockets = [Path(host)] if host.startswith("/") else []
        return [*sandbox.code_folders(), HERE / "lokario_host", self.folder, *map(Path, folders), *sockets]

    def parent_environment(self) -> dict[str, str]:
        """Nothing of the manager's: what a parent knows, its children could read."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONPATH": str(HERE),
                "PYTHONUNBUFFERED": "1", "HOME": "/nonexistent"}  # fmt: skip
