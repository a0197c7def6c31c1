"""A client of the API that openapi-python-client generates from its document: what others get who do not know us."""

import json
import os
import subprocess
from pathlib import Path

from lokario_cli.console import Failure

from .pypi_program import bin_folder

VERSION = "0.29.1"
PACKAGE = "engine_client"


class GeneratedClient:
    """Generated into a folder; scripts use it in an interpreter that knows nothing of the project."""

    def __init__(self, document: dict, folder: Path):
        self.folder, self._bin = folder, bin_folder("openapi-python-client", VERSION)
        (folder / "openapi.json").write_text(json.dumps(document))
        arguments = ["--path", "openapi.json", "--output-path", PACKAGE, "--meta", "none"]
        self.warnings = self._run([self._bin / "openapi-python-client", "generate", *arguments])

    def run(self, script: Path, *arguments) -> str:
        """What the script prints."""
        return self._run([self._bin / "python", script, *arguments])

    def _run(self, command) -> str:
        environment = {**os.environ, "PATH": f"{self._bin}:{os.environ['PATH']}", "PYTHONPATH": str(self.folder)}
        done = subprocess.run([*map(str, command)], cwd=self.folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
        return done.stdout
