"""What every scenario of the demo plays on: the manager's server, a person logged in, a mail provider."""

import contextlib
import json
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from lokario_cli.console import Failure, Phases
from lokario_cli.odoo_process import (
    InstanceHost,
    Server,
    command,
    free_port,
    process_environment,
    serving_options,
    write_configuration,
)
from lokario_cli.paths import ADDONS, STATE, SUITE
from lokario_cli.setup.postgres import Cluster

from ..environments.client import OdooClient, RpcError
from ..environments.mail import MailEnvironment, SmtpServer

DATABASE = "lokario"
KEYS = STATE / "demo-keys.json"


@dataclass
class Demo:
    """``host`` runs the instances of ``server``; ``mail`` and ``provider`` are the mail provider of everybody else
    (IMAP, SMTP), ``smtp`` our own system server. ``rows`` collects what the closing table says: (what, where, login).
    """

    server: Server
    host: InstanceHost
    mail: MailEnvironment
    provider: SmtpServer
    smtp: SmtpServer
    client: OdooClient
    phases: Phases
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def home(self) -> str:
        return home(self.server)

    def tell(self, what: str, where: str = "", login: str = "") -> None:
        self.rows.append((what, where, login))

    def received_by(self, address: str) -> list[bytes]:
        """The raw mails this address received from our servers, oldest first."""
        return [raw for _sender, recipients, raw, _login in self.smtp.received if address in recipients]


def home(server: Server) -> str:
    """The address of the manager; only as `localhost` are the instances' names beside it known to browsers."""
    return f"http://{'localhost' if server.address == '127.0.0.1' else server.address}:{server.port}"


def binding(host: str, port: int) -> dict[str, str]:
    """Odoo's options to listen there (port 0: a free one); an address that cannot be had is refused in a sentence."""
    options = {"http_interface": host, "http_port": str(port or free_port())}
    refuse_taken_port(options)
    return options if host == "127.0.0.1" else {**options, "lokario/manager_hosts": ",".join(names_here(host))}


def refuse_taken_port(bound: dict[str, str]) -> None:
    """Asked before the installation, which takes minutes, and again right before the server starts."""
    host, port = bound["http_interface"], int(bound["http_port"])
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        reason = f"{host}:{port} cannot be served: {error.strerror.partition(' (')[0]}"
        raise Failure(f"{reason}. Choose another --port (0 takes a free one) or --host.") from error


def names_here(host: str) -> set[str]:
    """The names under which other machines know this one, besides the address it was told to bind."""
    names = {host, socket.gethostname(), socket.getfqdn()}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(("192.0.2.1", 9))  # sends nothing: asks which of our addresses leads to others (RFC 5737 address)
        names.add(route.getsockname()[0])
    return names


def demo_keys() -> dict[str, str]:
    """The secrets of this checkout's demo, made once and kept in the state folder."""
    if not KEYS.exists():
        import base64

        keys = {
            "LOKARIO_SECRET_KEYS": "1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "CRON_SECRET": secrets.token_hex(32),
            "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        }
        KEYS.touch(mode=0o600)
        KEYS.write_text(json.dumps(keys))
    return json.loads(KEYS.read_text())


def install_manager(cluster: Cluster) -> bool:
    """Install the suite into the manager's database; when its code changed, update it, with the addons that are new
    since. True when the database is new.
    """
    installed = _installed(cluster)
    stamp = STATE / "manager-code"
    if installed and stamp.exists() and stamp.read_text() == _code_stamp():
        return False
    log = STATE / "logs" / "manager-install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    conf = write_configuration(STATE / "conf" / "manager-install.conf", serving_options(cluster))
    suite = ",".join(SUITE)
    arguments = ["-c", conf, "-d", DATABASE, "-i", suite, "-u", suite, "--load-language", "fr_FR,en_US"]
    _run_to_the_end(command(*arguments, "--no-http", "--stop-after-init"), log)
    stamp.write_text(_code_stamp())
    return not installed


def found_company(cluster: Cluster, password: str) -> None:
    """The company of the demo, a French one, and the password of its administrator."""
    script = f"""
env.ref("base.EUR").active = True
country, currency = env.ref("base.fr"), env.ref("base.EUR")
env.company.write({{"name": "Atelier Lumière", "country_id": country.id, "currency_id": currency.id}})
env["product.pricelist"].search([]).currency_id = currency
env.ref("base.user_admin").write({{"password": {password!r}, "tz": "Europe/Paris"}})
env.cr.commit()
"""
    conf = write_configuration(STATE / "conf" / "manager-shell.conf", serving_options(cluster))
    program, odoo = command()
    log = STATE / "logs" / "manager-shell.log"
    _run_to_the_end([program, odoo, "shell", "-c", str(conf), "-d", DATABASE, "--no-http"], log, script)


def log_in(server: Server, password: str) -> OdooClient:
    client = OdooClient(server.url, home(server).removeprefix("http://"))  # where Odoo's mails lead
    try:
        client.login(DATABASE, "admin", password)
    except RpcError as error:
        raise Failure(f"The demo's administrator cannot log in ({error}); ./lokario clean starts afresh.") from error
    return client


def _installed(cluster: Cluster) -> bool:
    return bool(cluster.psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"))


def _code_stamp() -> str:
    """Changes with any file of the addons, but not with what Python compiles of them while they run."""
    from lokario_cli.paths import ROOT

    files = (path for addon in ADDONS for path in (ROOT / addon).rglob("*") if path.suffix != ".pyc")
    return str(max(path.stat().st_mtime_ns for path in files if path.is_file()))


def _run_to_the_end(arguments: list[str], log: Path, stdin: str | None = None) -> None:
    import subprocess

    with log.open("w") as stream:
        done = subprocess.run(
            arguments,
            env={**process_environment(), **demo_keys()},
            input=stdin or "",
            text=True,
            stdout=stream,
            stderr=stream,
        )
    if done.returncode:
        raise Failure(f"Odoo stopped with {done.returncode}; its log says why: {log}")
