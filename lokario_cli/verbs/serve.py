"""Serve the web client on an existing manager database."""

import contextlib
import subprocess

HELP = "serve the web client until Ctrl-C"
NEEDS = {"python", "front"}
LOOK = 0.5  # seconds between two looks whether all that was started still runs


def configure(parser):
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8069, help="port of the web client; 0 takes a free one")
    parser.add_argument("--workers", type=int, default=0, help="processes for HTTP (default: threads in one process)")


def run(args):
    from lokario_testing.demo.stage import binding, demo_keys, home, install_manager, refuse_taken_port

    from ..console import say
    from ..front import FrontedServer
    from ..odoo_process import InstanceHost, MailWatcher, serving_options
    from ..paths import STATE
    from ..setup.postgres import Cluster

    # Two threads for jobs: mail that has just arrived waits for no other job.
    bound = {**binding(args.host, args.port), "workers": str(args.workers), "max_cron_threads": "2"}
    with Cluster.for_serving() as cluster:
        install_manager(cluster)
        refuse_taken_port(bound)
        served = FrontedServer("serve", serving_options(cluster, **bound), demo_keys())
        with served as server, InstanceHost(server) as host, MailWatcher(server) as watcher:
            pid_file = STATE / "serve.pid"  # for scripts/restart_odoo.sh
            say(f"Lokario answers on {home(server)} (log: {server.log}). Ctrl-C stops it.")
            try:
                return keep(server, [server.front, host, watcher], pid_file)
            finally:
                pid_file.unlink()


def keep(server, others, pid_file) -> int:
    """Wait until ``server`` has ended by itself; what was killed, or ends beside it, is started again.

    The kernel kills when memory is short. What ends beside it again and again is tried at each look.
    """
    from ..console import Failure, say

    while True:
        pid_file.write_text(str(server.process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            if (status := server.process.wait(LOOK)) >= 0:
                return status
        for one in (server, *others):
            if one.process.poll() is not None:
                say(f"{type(one).__name__} has ended ({one.process.returncode}) and is started again.")
                try:
                    one.start()
                except Failure as failure:
                    say(str(failure))
