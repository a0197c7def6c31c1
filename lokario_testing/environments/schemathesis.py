"""Schemathesis, the independent judge of an OpenAPI document, in a virtual environment of its own."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from lokario_cli.console import Failure

from .pypi_program import bin_folder

VERSION = "4.32.5"
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
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


def judge(document: str, token: str, examples: int, seed: int, every: int = 1) -> tuple[int, list[str]]:
    """Cases tried on every operation of the document at this URL, and what the answers break of it.

    :param every: 2 to try every second of the boundary cases
    """
    with tempfile.TemporaryDirectory(prefix="schemathesis-") as folder:
        report = Path(folder) / "report.json"
        command = [
            *(
                str(bin_folder("schemathesis", VERSION) / "st"),
                "run",
                document,
                "--header",
                f"Authorization:Bearer {token}",
            ),
            *("--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", str(seed)),
            *("--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all", "--no-shrink"),
            *("--continue-on-failure", "--no-color", "--report", "json", "--report-json-path", str(report)),
        ]
        hooks = {"SCHEMATHESIS_HOOKS": str(HOOKS), "LOKARIO_EVERY": str(every)}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **hooks})
        if not report.exists():
            raise Failure(f"Schemathesis did not run: {(done.stderr or done.stdout).strip()[-1000:]}")
        told = json.loads(report.read_text())
    if told["operations"]["tested"] != told["operations"]["total"] or told["errors"]:
        raise Failure(f"Schemathesis did not come to an end: {told['errors']}")
    return told["test_cases"]["generated"], [_describe(failure) for failure in told["failures"]]


def _describe(failure: dict) -> str:
    return json.dumps(failure)[:500]
