"""The command itself: what it says about wrong input, and the gate that reads Odoo's logs."""

import socket
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lokario_cli import odoo_process as odoo_world
from lokario_cli.console import Failure
from lokario_cli.odoo_log import Outcome, read_outcome, unexpected_lines
from lokario_cli.odoo_process import Server
from lokario_cli.setup.ensure import make_writable
from lokario_cli.verbs import doctor
from lokario_cli.verbs.serve import keep
from lokario_testing.demo.inbox import allow
from lokario_testing.demo.stage import binding, refuse_taken_port
from lokario_testing.results import Result, p95
from lokario_testing.verbs import test as tests

ROOT = Path(__file__).parent.parent
LINE = "2026-11-21 01:02:03,456 12 {} db odoo.{}: {}"


def lokario(*arguments):
    return subprocess.run([sys.executable, ROOT / "lokario", *arguments], capture_output=True, text=True, timeout=120)


def verbs():
    return sorted(path.stem.replace("_", "-") for path in ROOT.glob("lokario_*/verbs/[a-z]*.py"))


def test_every_verb_explains_itself():
    listed = lokario("--help").stdout
    for verb in verbs():
        assert verb in listed


@pytest.mark.parametrize("arguments", [["nonsense"], ["test", "no_such_addon"], ["bench", "nonsense"]])
def test_wrong_input_is_refused_in_a_sentence(arguments):
    done = lokario(*arguments)
    assert done.returncode
    assert "Traceback" not in done.stderr
    assert "nonsense" in done.stderr or "no_such_addon" in done.stderr


@pytest.mark.parametrize("verb", [verb for verb in verbs() if verb not in ("host", "odoo", "python", "watch")])
def test_every_verb_has_its_help(verb):
    done = lokario(verb, "--help")
    assert done.returncode == 0
    assert f"./lokario {verb}" in done.stdout


def test_a_taken_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = lokario("serve", "--port", str(other.getsockname()[1]))
    assert done.returncode == 1
    assert "Address already in use. Choose another --port" in done.stderr


class Kept:
    """What `serve` keeps running: its first process ends, the second one is another command."""

    def __init__(self, *commands):
        self.commands = list(commands)
        self.start()

    def start(self):
        self.process = subprocess.Popen(["sh", "-c", self.commands.pop(0)])


def test_what_is_killed_beside_the_server_is_started_again(tmp_path):
    marker, pid_file = tmp_path / "marker", tmp_path / "pid"
    beside = Kept("exit 1", f"touch {marker}; exec sleep 600")
    server = Kept("kill -9 $$", f"while [ ! -e {marker} ]; do sleep 0.05; done; exit 3")
    try:
        assert keep(server, [beside], pid_file) == 3
        assert pid_file.read_text() == str(server.process.pid)
        assert beside.process.poll() is None
    finally:
        beside.process.kill()
        beside.process.wait()


def test_an_answer_of_somebody_else_is_not_ours(tmp_path):
    """Another program took the port while the suite was installed: the demo must not log in there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        server = Server("stranger", {"http_port": str(other.server_address[1])})
        server.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            assert server._is_healthy()
            assert not server._answers()
            with pytest.raises(Failure, match="Choose another --port"):
                refuse_taken_port({"http_interface": "127.0.0.1", "http_port": str(server.port)})
        finally:
            server.process.kill()
            server.process.wait()
            other.shutdown()


def test_another_odoo_is_refused(tmp_path, monkeypatch):
    release = tmp_path / "odoo" / "release.py"
    release.parent.mkdir()
    release.write_text("version_info = (18, 0, 0, FINAL, 0, '')\n")
    monkeypatch.setenv("ODOO_HOME", str(tmp_path))
    done = lokario("serve")
    assert done.returncode == 1
    assert "holds Odoo 18.0. Name a folder of Odoo 19.0" in done.stderr
    assert "holds Odoo 18.0" in lokario("doctor").stdout


@pytest.mark.parametrize(
    ("version", "chromium", "fine", "says"),
    [
        ("0.12.6 (with patched qt)", "", True, "wkhtmltopdf"),
        ("0.12.6", "/usr/bin/chromium", True, "name it in clients' templates"),
        ("0.12.6", "", False, "apt-get install chromium"),
    ],
)
def test_the_doctor_says_what_prints(tmp_path, monkeypatch, version, chromium, fine, says):
    program = tmp_path / "wkhtmltopdf"
    program.write_text(f"#!/bin/sh\necho 'wkhtmltopdf {version}'\n")
    program.chmod(0o755)
    found = {"wkhtmltopdf": str(program), "chromium": chromium}
    monkeypatch.setattr("lokario_cli.setup.apt.find_command", found.get)
    what, is_fine, text = doctor.printing()
    assert (what, is_fine) == ("PDF", fine)
    assert says in text


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="Name another place in LOKARIO_STATE"):
        make_writable(tmp_path / "file" / "state", "LOKARIO_STATE")


def test_other_machines_reach_the_manager_by_the_names_of_this_one():
    assert "lokario/manager_hosts" not in binding("127.0.0.1", 0)
    assert {"127.0.0.2", socket.gethostname()} <= set(binding("127.0.0.2", 0)["lokario/manager_hosts"].split(","))


def log_file(tmp_path, *lines):
    log = tmp_path / "odoo.log"
    log.write_text("\n".join(lines) + "\n")
    return log


def test_log_counts_tests_and_skips(tmp_path):
    lines = [
        LINE.format("INFO", "addons.x", "skipped TestX.test_y : no browser"),
        LINE.format("INFO", "tests.result", "1 failed, 1 error(s) of 12 tests when loading database 'db'"),
    ]
    outcome = read_outcome(log_file(tmp_path, *lines))
    assert str(outcome) == "9 passed, 2 failed, 1 skipped"


def test_log_shows_lines_nobody_expected(tmp_path):
    lines = [
        LINE.format("WARNING", "addons.x", "something odd"),
        LINE.format("ERROR", "sql_db", "bad query: b'CREATE EXTENSION IF NOT EXISTS pg_trgm'"),
    ]
    assert [line[-13:] for line in read_outcome(log_file(tmp_path, *lines)).unexpected] == ["something odd"]


def test_run_that_died_is_a_failure(tmp_path):
    assert read_outcome(log_file(tmp_path, "killed"), exit_code=137).failed == 1


def test_figures_know_whether_they_hold():
    assert Result("x", 1, 10, "ratio <= 0.25").holds
    assert not Result("x", 3, 10, "ratio <= 0.25").holds
    assert Result("x", 30, None, "ours >= 20").holds
    assert not Result("x", 3, None, "ratio <= 1").holds
    assert p95([float(value) for value in range(1, 21)]) == 19


def test_log_shows_what_python_wrote_past_every_logger(tmp_path):
    lines = [
        LINE.format("INFO", "tests.suite", "Starting TestX.test_y ..."),
        "Exception in thread Thread-3:",
        "Traceback (most recent call last):",
        LINE.format("ERROR", "tests.result", "FAIL: TestX.test_y"),
        "Traceback (most recent call last):",
    ]
    assert unexpected_lines("\n".join(lines)) == [f"[TestX.test_y] {lines[1]} | {lines[2]}"]


def test_a_reason_may_stand_in_any_line_of_a_record():
    lost = LINE.format("ERROR", "sql_db", "bad query: b'UPDATE x'\nERROR: could not serialize access due to y")
    broken = LINE.format("ERROR", "http", "Exception during request\nTraceback (most recent call last):\nKeyError: 1")
    assert [line.partition(" | ")[2] for line in unexpected_lines(f"{lost}\n{broken}")] == ["KeyError: 1"]


def test_each_log_of_our_servers_is_read_once(tmp_path, monkeypatch):
    log = log_file(tmp_path, LINE.format("WARNING", "addons.x", "provoked"), LINE.format("ERROR", "addons.x", "odd"))
    monkeypatch.setattr(odoo_world, "LOGS", {log: 0})
    assert [line[-3:] for line in odoo_world.unexpected_in_logs((r"provoked$",))] == ["odd"]
    assert odoo_world.unexpected_in_logs() == []


def test_what_needs_no_template_runs_first_then_the_longest_and_what_was_measured_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(tests, "SECONDS", tmp_path / "seconds.json")
    seconds = {"short": 1, "long": 9, "guessed": 5, "test_gate": 2}  # the last needs no template
    tasks = [tests.Task(name, Outcome, guess) for name, guess in seconds.items()]
    assert [task.name for task in tests.in_order(tasks)] == ["test_gate", "long", "guessed", "short"]
    (tmp_path / "seconds.json").write_text('{"short": 60}')
    assert [task.name for task in tests.in_order(tasks)] == ["test_gate", "short", "long", "guessed"]


def test_every_test_file_belongs_to_exactly_one_task():
    tasks = [task.name for task in tests.pytest_tasks("tests")]
    files = [path.stem for path in (ROOT / "tests" / "system").glob("test_*.py")]
    together = [name for group in tests.TOGETHER for name in group]
    assert set(together) <= set(files)
    alone = [name for name in files if name not in together]
    assert sorted(tasks) == sorted([*alone, *(group[0] for group in tests.TOGETHER), "tests"])


def test_the_project_s_files_call_the_documented_commands():
    assert "entry: ./lokario lint" in (ROOT / ".pre-commit-config.yaml").read_text()
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    for command in ("./lokario demo --once", "./lokario test"):
        assert f"- run: {command}" in workflow
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text()


def test_the_demo_keeps_the_mail_hosts_that_people_have_allowed():
    """Its own have another port each time."""
    stored = {"lokario_mailbox.allowed_hosts": "10.0.0.0/8, mail.alpha.test 127.0.0.1:4711"}

    class Client:
        def call(self, _model, method, key, *value):
            return stored.get(key) if method == "get_param" else stored.update({key: value[0]})

    for port in (1143, 1144):
        allow(Client(), [f"127.0.0.1:{port}"])
    assert stored == {"lokario_mailbox.allowed_hosts": "10.0.0.0/8 mail.alpha.test 127.0.0.1:1144"}
