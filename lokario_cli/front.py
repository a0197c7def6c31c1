"""The embedded web server in front of manager and instances: nginx, doing what deploy/nginx.conf does, without TLS."""

import os
import socket
import subprocess
import time
from pathlib import Path

import psutil

from .console import Failure
from .odoo_process import EVERYWHERE, Server, free_port, tail
from .paths import STATE
from .setup import nginx

LOOPBACK = "127.0.0.1"
CONFIGURATION = """
daemon off; {user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_max_body_size 128m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/x; uwsgi_temp_path {folder}/x; scgi_temp_path {folder}/x;
    proxy_http_version 1.1;
    proxy_read_timeout 1300s;
    proxy_max_temp_file_size 0;
    proxy_ignore_headers X-Accel-Redirect;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    map $host $visitor {{ default $remote_addr; {own} }}
    map $host $public_host {{ default $http_host; {own} }}
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-Host $public_host;
    proxy_set_header X-Forwarded-For $visitor;
    proxy_set_header X-Lokario-Instance-Down $down;
    server {{
        listen {address} default_server;
        set $down '';
        location ^~ /web/database/ {{ return 404; }}
        location / {{ proxy_pass http://unix:{hosts}/$host.sock; error_page 502 = @gate; }}
        location @gate {{ set $down 1; proxy_pass http://127.0.0.1:{odoo}; }}
    }}
    server {{
        listen {address};
        server_name {names};
        set $down '';
        location / {{ proxy_pass http://127.0.0.1:{odoo}; }}
        location /websocket {{ proxy_pass http://127.0.0.1:{websocket}; }}
    }}
}}
"""


class Front:
    """nginx at ``interface``:``port``, before the Odoo of ``options`` (those of its odoo.conf)."""

    def __init__(self, interface: str, port: int, options: dict[str, str]):
        self._interface, self._port = interface, port
        self.address = LOOPBACK if interface == EVERYWHERE else interface
        self.url = f"http://{self.address}:{port}"
        self._folder = STATE / "nginx" / str(port)
        self._options = options
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc):
        self.stop()

    def start(self, timeout: float = 20) -> None:
        conf = self._write_configuration()
        command = [nginx.program(), "-c", conf, "-p", self._folder]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + timeout
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"nginx did not start: {tail(self._folder / 'error.log', 600)}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL to nginx and its workers."""
        for process in [*psutil.Process(self.process.pid).children(), self.process]:
            process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self._port)) == 0

    def _write_configuration(self) -> Path:
        (self._folder / "x").mkdir(parents=True, exist_ok=True)
        options, is_own = self._options, self._interface == LOOPBACK
        names = options.get("lokario/manager_hosts", "").replace(",", " ").split()
        values = {
            "user": "user root;" if os.getuid() == 0 else "",  # as Odoo here; the sockets may lie below a closed home
            "folder": self._folder,
            "hosts": f"{options.get('lokario/host_sockets') or options['data_dir'] + '/sockets'}/hosts",
            "address": f"{self._interface}:{self._port}",
            # Programs of this machine reach the manager as localhost; from elsewhere that name leads nowhere.
            "names": " ".join([*names, *(["localhost", LOOPBACK] if is_own else [])]) or '""',
            "own": "localhost ''; 127.0.0.1 '';" if is_own else "",
            "odoo": options["http_port"],
            "websocket": options["gevent_port"] if int(options.get("workers", 0)) else options["http_port"],
        }
        conf = self._folder / "nginx.conf"
        conf.write_text(CONFIGURATION.format(**values))
        return conf


class FrontedServer(Server):
    """Odoo behind nginx: ``port`` and ``url`` are nginx's, which listens where ``options`` would have Odoo listen."""

    def __init__(self, name: str, options: dict[str, str], variables: dict[str, str] | None = None):
        interface, port = options.get("http_interface", LOOPBACK), int(options["http_port"])
        behind = {"http_interface": LOOPBACK, "http_port": str(free_port()), "gevent_port": str(free_port())}
        options = {**options, **behind, "proxy_mode": "True"}
        super().__init__(name, options, variables)
        self.front = Front(interface, port, options)
        self.address, self.port, self.url = self.front.address, port, self.front.url

    def start(self, timeout: float = 120):
        super().start(timeout)
        if not self.front.is_running:  # it outlives an Odoo that was killed
            self.front.start()
        return self

    def stop(self) -> None:
        self.front.stop()
        super().stop()
