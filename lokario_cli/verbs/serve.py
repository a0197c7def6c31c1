"""Serve the web client on an existing manager database."""

HELP = "serve the web client until Ctrl-C"
NEEDS = {"python"}


def configure(parser):
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8069)
    parser.add_argument("--workers", type=int, default=0)


def run(args):
    from ..console import say
    from ..demo.stage import demo_keys, install_manager
    from ..setup.postgres import Cluster
    from ..worlds.odoo import Server, serving_options

    with Cluster.for_serving() as cluster:
        install_manager(cluster)
        bound = {"http_interface": args.host, "http_port": str(args.port), "workers": str(args.workers)}
        with Server("serve", serving_options(cluster, **bound), demo_keys()) as server:
            say(f"Lokario answers on http://localhost:{server.port} (log: {server.log}). Ctrl-C stops it.")
            return server.process.wait()
