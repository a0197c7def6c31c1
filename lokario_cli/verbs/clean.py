"""Remove what this checkout made: its databases, logs and keys. `--all` also empties the user's cache."""

import shutil

HELP = "remove this checkout's databases, logs and demo keys"


def configure(parser):
    parser.add_argument("--all", action="store_true", help="also the cache: Odoo and the Python packages")


def run(args):
    from ..console import say
    from ..paths import STATE, cache, memory_folder
    from ..setup.postgres import service_folder

    stop_clusters()
    for folder in {STATE, memory_folder(), service_folder(), *([cache()] if args.all else [])}:
        if folder.exists():
            say(f"removing {folder}")
            shutil.rmtree(folder)


def stop_clusters() -> None:
    """End the servers whose folders are about to go; only the virtual environment knows how."""
    import subprocess

    from ..paths import ROOT, venv_python

    if venv_python().exists():
        code = "from lokario_cli.setup.postgres import Cluster as C; C.for_tests().stop(); C.for_serving().stop()"
        subprocess.run([venv_python(), "-c", code], cwd=ROOT, check=False)
