"""Prove the whole set-up from nothing: an empty cache, a fresh clone, the demo, then the second start."""

HELP = "prove the set-up from an empty cache (downloads everything again)"


def run(args):
    import os
    import subprocess
    import tempfile
    import time
    from pathlib import Path

    from lokario_cli.console import Failure, say, table
    from lokario_cli.paths import ROOT

    rows = []
    with tempfile.TemporaryDirectory(prefix="lokario-selfcheck-") as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
        environment = {**os.environ, "XDG_CACHE_HOME": f"{folder}/cache"}
        for name, command in (
            ("cold ./lokario demo --once", ["demo", "--once", "--port", "0"]),
            ("warm ./lokario demo --once", ["demo", "--once", "--port", "0"]),
            ("./lokario clean", ["clean"]),
        ):
            start = time.monotonic()
            done = subprocess.run([str(checkout / "lokario"), *command], env=environment, stdin=subprocess.DEVNULL)
            rows.append(
                [name, "ok" if not done.returncode else f"exit {done.returncode}", f"{time.monotonic() - start:.0f} s"]
            )
            if done.returncode:
                say(table(["step", "", "time"], rows))
                raise Failure(f"{name} failed")
    say(table(["step", "", "time"], rows))
    return 0
