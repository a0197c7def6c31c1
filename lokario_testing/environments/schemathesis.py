"""Schemathesis, the independent judge of an OpenAPI document, in a virtual environment of its own."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lokario_cli.console import Failure
from lokario_cli.paths import cache, venv

VERSION = "4.32.5"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


def program() -> Path:
    """The command line, installed from PyPI at first use; its dependencies do not meet the project's."""
    folder = cache() / f"schemathesis-{VERSION}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(venv() / "bin" / "uv")
        for command in (
            ["venv", "-q", "--python", sys.executable, str(folder)],
            ["pip", "install", "-q", "--python", str(folder / "bin" / "python"), f"schemathesis=={VERSION}"],
        ):
            done = subprocess.run([uv, *command], capture_output=True, text=True)
            if done.returncode:
                raise Failure(f"Schemathesis could not be installed from PyPI: {done.stderr.strip()[-500:]}")
        (folder / "ready").touch()
    return folder / "bin" / "st"


def judge(document: str, token: str, examples: int, seed: int) -> tuple[int, list[str]]:
    """Cases tried on every operation of the document at this URL, and what the answers break of it."""
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as folder:
        report = Path(folder) / "report.json"
        command = [
            *(str(program()), "run", document, "--header", f"Authorization:Bearer {token}"),
            *("--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", str(seed)),
            *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--no-shrink"),
            *("--continue-on-failure", "--no-color", "--report", "json", "--report-json-path", str(report)),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if not report.exists():
            raise Failure(f"Schemathesis did not run: {(done.stderr or done.stdout).strip()[-1000:]}")
        told = json.loads(report.read_text())
    if told["operations"]["tested"] != told["operations"]["total"] or told["errors"]:
        raise Failure(f"Schemathesis did not come to an end: {told['errors']}")
    return told["test_cases"]["generated"], [_describe(failure) for failure in told["failures"]]


def _describe(failure: dict) -> str:
    return json.dumps(failure)[:500]
