"""Install what is missing, play the story of the suite on real servers, serve the web client."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HELP = "play the main job on real servers, then serve the web client until Ctrl-C"
NEEDS = {"python", "browser", "mail", "curl", "front"}
SET_UP_PHASES = 4


def configure(parser):
    parser.add_argument("--once", action="store_true", help="end after the story (also without a terminal)")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8069, help="port of the web client; 0 takes a free one")


def run(args):
    from lokario_cli.console import Phases, say, table

    from ..demo.scenario import SCENARIOS
    from ..demo.stage import binding

    bound = binding(args.host, args.port)
    phases = Phases(SET_UP_PHASES + len(SCENARIOS))
    with ExitStack() as servers:
        stage = set_up(bound, phases, servers)
        for title, play in SCENARIOS:
            with phases.phase(title):
                tell_refusals(play, stage)
        say()
        say(table(["what happened", "where", "login"], [list(row) for row in stage.rows]))
        say(f"\n{len(phases.done)} phases, {phases.seconds:.0f} s")
        if args.once or not sys.stdin.isatty():
            return 0
        say(f"The web client is at {stage.home}. Ctrl-C ends the demo.")
        return stage.server.process.wait()


def tell_refusals(play, stage) -> None:
    from lokario_cli.console import Failure

    from ..environments.client import RpcError

    try:
        play(stage)
    except RpcError as error:
        raise Failure(f"Odoo refused: {error} (log: {stage.server.log})") from error


def set_up(bound: dict[str, str], phases, servers: ExitStack):
    """Start PostgreSQL, the mail provider and the manager's server; return the stage."""
    from lokario_cli.front import FrontedServer
    from lokario_cli.odoo_process import InstanceHost, serving_options
    from lokario_cli.setup.postgres import Cluster

    from ..demo.stage import Demo, demo_keys, found_company, install_manager, log_in, refuse_taken_port
    from ..environments.mail import MailEnvironment, SmtpServer

    keys = demo_keys()
    with phases.phase("PostgreSQL"):
        cluster = servers.enter_context(Cluster.for_serving())
    with phases.phase("installing the suite"):
        if install_manager(cluster):
            found_company(cluster, keys["ADMIN_PASSWORD"])
    with phases.phase("mail provider (Dovecot and SMTP)"):
        folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
        mail = servers.enter_context(MailEnvironment(folder))
        provider = servers.enter_context(SmtpServer(mail))
        smtp = servers.enter_context(SmtpServer())
    with phases.phase("Odoo"):
        refuse_taken_port(bound)
        system_mail = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp.port),
            "SMTP_FROM_EMAIL": "noreply@lokario.test",
            "SMTP_ENCRYPTION": "none",
        }
        options = serving_options(cluster, **bound)
        server = servers.enter_context(FrontedServer("demo", options, {**keys, **system_mail}))
        host = servers.enter_context(InstanceHost(server))
        client = log_in(server, keys["ADMIN_PASSWORD"])
    stage = Demo(server, host, mail, provider, smtp, client, phases)
    stage.tell("The manager is served", stage.home, f"admin / {keys['ADMIN_PASSWORD']}")
    return stage
