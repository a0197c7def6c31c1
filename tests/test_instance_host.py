"""What `lokario_host` grants and believes, without a server."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg2
import pytest
from passlib.handlers import pbkdf2
from passlib.hash import pbkdf2_sha256, pbkdf2_sha512

from lokario_gate.routes import RouteTable
from lokario_host import addons, messages, passwords
from lokario_host.child import Activity
from lokario_host.fairness import SESSION_NICE, Fairness, _processes
from lokario_host.limits import DEFAULTS, Groups, for_processes, of_plan
from lokario_host.messages import MAX_REPORT, LogPipe, Reports
from lokario_host.nursery import Nursery
from lokario_host.routes import Instance
from lokario_host.slot import JOB_JITTER, LONGEST_WAKING, Slot
from lokario_host.supervisor import Supervisor


@pytest.fixture
def delegated(tmp_path):
    """A control group as systemd hands it over with `Delegate=`, and what the kernel shows in it."""
    group = tmp_path / "system.slice" / "lokario-host.service"
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text("cpu io memory pids")
    (group / "cgroup.procs").write_text("41\n42\n")
    (group / "cgroup.subtree_control").write_text("")
    return group


def instance_group(delegated, name="t-x"):
    """The kernel fills each new group with its files."""
    group = delegated / f"instance-{name}"
    group.mkdir()
    for file in ("memory.high", "memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cgroup.kill"):
        (group / file).write_text("")
    (group / "cpu.idle").write_text("0\n")
    return group


def test_an_instance_is_held_by_a_group_with_its_plans_limits(delegated, tmp_path):
    groups = Groups.delegated("0::/system.slice/lokario-host.service\n", tmp_path)
    assert (delegated / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert (delegated / "host" / "cgroup.procs").read_text() == "42", "its own processes make room, one by one"
    group = instance_group(delegated)
    entrance = groups.of("t-x", of_plan({"memory_mb": 1000, "processes": 50, "cpu_percent": 150}))
    assert entrance == str(group / "cgroup.procs")
    values = {file.name: file.read_text() for file in group.iterdir()}
    assert values["memory.max"] == str(1000 * 1024 * 1024)
    assert int(values["memory.high"]) < int(values["memory.max"])
    assert (values["pids.max"], values["cpu.max"], values["cpu.weight"]) == ("50", "150000 100000", "100")
    groups.of("t-x", of_plan({}))
    assert (group / "cpu.max").read_text() == "max 100000", "as much as the others leave"
    for must_wait in (True, False):
        groups.let_wait("t-x", must_wait)
        assert int((group / "cpu.idle").read_text()) == must_wait
    groups.let_wait("t-never-started", True)
    groups.end("t-x")
    assert (group / "cgroup.kill").read_text() == "1"
    groups.end("t-never-started")


@pytest.mark.parametrize("membership", ["0::/\n", "0::/elsewhere\n", "4:memory:/x\n", ""])
def test_without_a_group_of_its_own_processes_carry_their_limits_alone(tmp_path, delegated, membership):
    groups = Groups.delegated(membership, tmp_path)
    assert groups.of("t-x", dict(DEFAULTS)) is None
    assert not list(tmp_path.rglob("instance-*"))
    figures = for_processes(of_plan({"memory_mb": 512, "files": 0}))
    assert (figures["RLIMIT_DATA"], figures["RLIMIT_NOFILE"]) == (512 * 1024 * 1024, DEFAULTS["files"])


@pytest.fixture
def pair():
    ours, its = socket.socketpair()
    yield Reports(ours), its
    ours.close()
    its.close()


@pytest.mark.parametrize(
    "said",
    [b"nonsense", b"[1]", b"null", b'{"next_job": "x"}', b'{"next_job": 1e999}', b'{"next_job": true}', b"[" * 999],
)
def test_of_what_a_process_reports_only_sense_is_believed(pair, said):
    reports, its = pair
    its.sendall(said + b"\n" + b'{"jobs_done": 1}\n')
    assert reports.read()
    assert (reports.next_job, reports.jobs_done) == (0.0, False)
    its.sendall(json.dumps({"jobs_done": True}).encode() + b"\n" + json.dumps({"next_job": 12.5}).encode() + b"\n")
    reports.read()
    assert (reports.next_job, reports.jobs_done) == (12.5, True)


def test_a_process_that_reports_without_end_is_not_heard_any_more(pair):
    reports, its = pair
    its.sendall(b"\n" * MAX_REPORT)
    assert not reports.read()


def test_a_log_is_passed_on_at_a_bearable_pace(tmp_path):
    with (tmp_path / "log").open("wb") as target:
        log = LogPipe(target)
        os.write(log.write_end, b"first\n")
        assert log.read() and not log.is_over_budget
        while not log.is_over_budget:
            os.write(log.write_end, b"x" * LogPipe.PIECE)
            assert log.read()
        os.close(log.write_end)
        assert not log.read()
        os.close(log.read_end)
    assert (tmp_path / "log").read_bytes().startswith(b"first\nxxx")


def slot_of(number, tmp_path=Path()):
    settings = SimpleNamespace(sockets=tmp_path, hosts=tmp_path, front_group=-1)
    return Slot(Instance(number, f"c{number}.test", f"t-c{number}", "active", "r", "s", 0, 15.0, "web"), settings)


def test_due_jobs_of_stopped_instances_are_spread():
    slots = [slot_of(number) for number in range(50)]
    assert all(slot.is_due(time.time()) for slot in slots), "of an unknown one it is asked"
    for slot in slots:
        slot.next_job = 1000.0
    shares = [sum(slot.is_due(1000.0 + part * JOB_JITTER) for slot in slots) for part in (-0.1, 0.3, 0.7, 1)]
    assert shares[0] == 0
    assert 0 < shares[1] < shares[2] < shares[3] == 50
    slots[0].next_job, slots[1].retry_at = None, 5.0
    assert not slots[0].is_due(9e9) and not slots[1].is_due(9e9)


def test_jobs_without_end_keep_nobody_elses_waiting():
    """Few are started for their jobs at once: clients whose jobs last for hours must not be all of them."""
    slot = slot_of(1)
    slot.reports, slot.wakes_for_jobs, slot.started = SimpleNamespace(jobs_done=False), True, time.monotonic()
    assert slot.is_waking
    slot.started -= LONGEST_WAKING
    assert not slot.is_waking


def test_a_socket_that_a_process_has_shut_down_is_noticed(tmp_path):
    slot = slot_of(1, tmp_path)
    slot.listen()
    assert not slot.is_deaf()
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(slot.path))
        assert not slot.is_deaf(), "somebody waits"
        slot.listening.dup().shutdown(socket.SHUT_RDWR)
        assert slot.is_deaf()
    slot.close()
    assert not list(tmp_path.iterdir())


def test_who_has_shut_down_his_socket_is_ended(tmp_path):
    """Nobody could connect to him any more, and his process would wait for that for ever."""
    settings = SimpleNamespace(manager_database="m", host_name="", groups=Groups(None), state_file=tmp_path / "state")
    supervisor, slots = Supervisor(settings, None), [slot_of(number, tmp_path) for number in (1, 2)]
    nursery = Nursery(settings, [], supervisor.selector, supervisor._ended)
    nursery._control, parent = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for slot in slots:
        slot.reports, slot.nursery = Reports(socket.socketpair()[0]), nursery
        slot.listen()
        supervisor.slots[slot.instance.database] = slot
    slots[0].listening.dup().shutdown(socket.SHUT_RDWR)
    supervisor._end_the_deaf()
    nursery._control.close()
    asked, _none = messages.receive(parent)
    assert asked == {"stop": slots[0].instance.database, "signal": signal.SIGKILL}
    assert not messages.receive(parent)[0]
    for slot in slots:
        slot.close()


def test_a_parent_imports_what_installs_itself():
    """Else each process would: a sixth of a second and ten megabytes for itself."""
    found = addons.installed_beside(["base", "web", "mail"])
    assert {"base_import", "auth_totp_mail"} <= found.keys(), "the first waits for web, the second for others like it"
    assert not {"sale", "l10n_fr_account"} & found.keys()


def test_passwords_are_checked_as_before(monkeypatch):
    monkeypatch.setattr(pbkdf2, "pbkdf2_hmac", pbkdf2.pbkdf2_hmac)
    for hasher in (pbkdf2_sha512.using(rounds=1000), pbkdf2_sha256.using(rounds=7)):
        known = hasher.hash("pässword")
        passwords.quicken()
        assert hasher.verify("pässword", known) and hasher.verify("pässword".encode(), known)
        assert not hasher.verify("password", known)
        monkeypatch.undo()
        assert hasher.verify("pässword", known)


def test_looking_for_jobs_keeps_no_process_awake():
    """Odoo looks every minute; what is there to be done keeps it only as long as it takes."""
    activity = Activity(0.05)
    time.sleep(0.06)
    assert activity.during(activity.is_idle) is False, "a job runs"
    assert activity.is_idle(), "and is over"
    visit(activity)
    assert not activity.is_idle(), "a visitor has been there"


def visit(activity, application=lambda environ, start_response: []):
    activity.counting(application)({}, None).close()


def test_a_process_that_was_started_for_its_jobs_stays_for_visitors_only():
    activity = Activity(60.0, jobs_only_seconds=0.0)
    assert activity.is_idle()
    visit(activity)
    assert not activity.is_idle()


def test_who_still_reads_an_answer_is_there():
    """A download over a slow line, a websocket: Odoo's application has returned long before they are over."""
    answered = []
    activity = Activity(0.0, on_answer=lambda: answered.append(1))
    answer = activity.counting(lambda environ, start_response: iter([b"a", b"b"]))({}, None)
    assert next(iter(answer)) == b"a"
    assert not activity.is_idle()
    answer.close()
    assert activity.is_idle()
    with pytest.raises(ZeroDivisionError):
        visit(activity, lambda environ, start_response: 1 / 0)
    assert activity.is_idle()
    assert answered == [1], "told once"


def test_who_came_in_at_the_last_moment_is_answered():
    activity, gone = Activity(0.0), []
    answer = activity.counting(lambda environ, start_response: [])({}, None)
    leaving = threading.Timer(0.1, lambda: (gone.append(1), answer.close()))
    leaving.start()
    activity.wait_for_the_last(120)
    assert gone
    leaving.join()
    activity.counting(lambda environ, start_response: [])({}, None)
    activity.wait_for_the_last(0.0)  # not for ever


def test_who_cannot_live_waits_longer_each_time_and_who_was_killed_does_not(tmp_path):
    slot = slot_of(1, tmp_path)

    def die(last_words=b""):
        ours, its = socket.socketpair()
        with its:
            its.sendall(last_words)
            slot.reports = Reports(ours)
            assert not slot.ended(), "not in order"
        return slot.back_off()

    assert [die() for _death in range(4)] == [1, 2, 4, 8]
    assert [die(b'{"answered": true}\n') for _death in range(3)] == [1, 1, 1]
    assert [die() for _death in range(8)][-1] == 60


def may_raise_priorities() -> bool:
    """Whether this process has CAP_SYS_NICE (23); root of many containers has not."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) >> 23 & 1)


@pytest.fixture
def machine(monkeypatch):
    """Two instances' processes and a session of PostgreSQL's for one of them, as a busy machine shows them."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen(["sleep", "600"])) for _number in range(3)]
        for process in processes:
            stack.callback(process.kill)
        pids = [process.pid for process in processes]
        while any(psutil.Process(pid).status() != psutil.STATUS_SLEEPING for pid in pids):
            time.sleep(0.01)  # on a busy machine they still start, and want to run
        users, shown = dict(zip(pids, (7, 8, 9), strict=True)), SimpleNamespace(pids=pids, percent=99.0, nicely=0.0)
        shown.used = dict.fromkeys(pids, 100.0)
        shown.nice, shown.now = {}, 0.0
        monkeypatch.setattr("lokario_host.fairness.time", SimpleNamespace(monotonic=lambda: shown.now))
        monkeypatch.setattr("os.setpriority", lambda _which, pid, nice: shown.nice.update({pid: nice}))
        shown.sessions = lambda roles: {pids[2]: "seven"} if "seven" in roles else {}

        monkeypatch.setattr(
            "psutil.cpu_times_percent", lambda: SimpleNamespace(nice=shown.nicely, idle=100 - shown.percent, iowait=0.0)
        )
        monkeypatch.setattr(
            "lokario_host.fairness._processes",
            lambda _owners, _also: [(pid, users[pid], os.getpid(), shown.used[pid]) for pid in pids],
        )
        yield shown


def look(fairness, machine, **seconds):
    """A look after one second, in which the processes have used these."""
    for name, used in seconds.items():
        machine.used[machine.pids[["own", "other", "session"].index(name)]] += used
    machine.now += 1
    fairness.balance({7: "seven", 8: "eight"}, machine.sessions)
    own, other, session = machine.pids
    policies = [os.sched_getscheduler(pid) for pid in (own, other)]
    return [policy == os.SCHED_IDLE for policy in policies], machine.nice.get(session) == SESSION_NICE


ALL_RUN, ONE_WAITS = ([False, False], False), ([True, False], True)


def test_who_has_used_up_his_allowance_waits_while_the_machine_is_busy(machine):
    fairness = Fairness()
    machine.percent = 50.0
    for _turn in range(3):
        assert look(fairness, machine, own=2.0) == ALL_RUN, "nobody has to wait for anybody"
    machine.percent = 99.0
    assert look(fairness, machine) == ALL_RUN, "what was used before does not count"
    assert look(fairness, machine, own=1.0, other=0.5) == ALL_RUN, "a start costs that much"
    assert look(fairness, machine, own=1.0, other=0.5) == ALL_RUN
    assert look(fairness, machine, own=2.0, other=0.5) == ONE_WAITS


def test_beside_work_that_is_nice_nobody_waits_but_who_waits_goes_on_waiting(machine):
    fairness, machine.nicely = Fairness(), 50.0
    for _turn in range(4):
        assert look(fairness, machine, own=3.0) == ALL_RUN
    machine.nicely = 0.0
    look(fairness, machine, own=3.0)
    assert look(fairness, machine, own=3.0) == ONE_WAITS
    machine.nicely = 50.0
    assert [look(fairness, machine, own=3.0) for _turn in range(6)] == [ONE_WAITS] * 6


@pytest.mark.skipif(not may_raise_priorities(), reason="only CAP_SYS_NICE may take it back")
def test_who_waits_runs_again_with_a_full_allowance(machine):
    fairness = Fairness()
    look(fairness, machine)
    assert look(fairness, machine, own=3.0) == ONE_WAITS
    assert look(fairness, machine, own=1.5) == ONE_WAITS, "it went on where nobody else wanted to run"
    turns = [look(fairness, machine) for _turn in range(4)]
    assert turns == [ONE_WAITS] * 3 + [ALL_RUN]


@pytest.mark.parametrize(("processors", "kept_busy"), [({0, 1}, [1]), ({2, 5, 7}, [7]), ({3}, [3])])
def test_who_waits_keeps_to_the_last_processors(machine, monkeypatch, processors, kept_busy):
    """Those who wait have short turns all the same: where there are many of them, a neighbour waits for several."""
    given = {}
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: processors)
    monkeypatch.setattr("os.sched_setaffinity", lambda pid, some: given.update({pid: some}))
    fairness, (own, _other, session) = Fairness(), machine.pids
    look(fairness, machine)
    assert look(fairness, machine, own=3.0) == ONE_WAITS
    del given[0]  # our own
    assert given == {own: kept_busy, session: kept_busy}


def test_who_still_wants_to_run_goes_on_waiting(machine, monkeypatch, tmp_path):
    """On processors that he shares with others who wait; that the first half has nothing to do is what they are for."""
    for pid in machine.pids:
        (tmp_path / str(pid) / "task" / str(pid)).mkdir(parents=True)
    monkeypatch.setattr("lokario_host.fairness.PROC", tmp_path)
    fairness = Fairness()
    look(fairness, machine)
    assert look(fairness, machine, own=3.0) == ONE_WAITS
    machine.percent = 50.0
    assert [look(fairness, machine, own=1.0) for _turn in range(6)] == [ONE_WAITS] * 6
    own = machine.pids[0]
    (tmp_path / str(own) / "task" / str(own) / "stat").write_text(f"{own} (S) x) R 1 1")
    assert [look(fairness, machine, own=0.2) for _turn in range(12)] == [ONE_WAITS] * 12


def test_who_wants_not_to_be_looked_at_is_seen_too():
    """Processes that must not be looked into belong to root, to the eye."""
    hides = "import ctypes, sys; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(1, flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hides], **pipes) as process:
        process.stdout.readline()
        seen = {pid: tuple(more) for pid, *more in _processes({os.getuid()}, ())}
        process.stdin.close()
    assert seen[process.pid][:2] == (os.getuid(), os.getpid())
    assert 0 < seen[os.getpid()][2] <= sum(os.times()[:4]) + 0.1
    (one,) = _processes((), {os.getpid()})
    assert one[:3] == (os.getpid(), os.getuid(), os.getppid())


def test_what_postgresql_does_for_an_instance_counts(machine):
    fairness = Fairness()
    look(fairness, machine)
    look(fairness, machine, own=1.0, session=1.0)
    assert look(fairness, machine, own=1.0, session=1.0) == ONE_WAITS


def test_who_has_no_share_of_its_own_waits_all_the_same(machine, monkeypatch, tmp_path):
    for pid in machine.pids:
        (tmp_path / str(pid) / "task" / str(pid)).mkdir(parents=True)
        (tmp_path / str(pid) / "autogroup").symlink_to("/dev/full")  # takes no word, as the kernel's own group
    monkeypatch.setattr("lokario_host.fairness.PROC", tmp_path)
    fairness = Fairness()
    look(fairness, machine)
    assert look(fairness, machine, own=3.0) == ONE_WAITS


def test_a_machine_on_which_nobody_may_be_slowed_down_goes_on(machine, monkeypatch):
    def refuse(*_arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.sched_setscheduler", refuse)
    said = []  # other tests of this process silence loggers
    monkeypatch.setattr("lokario_host.fairness._logger", SimpleNamespace(info=lambda *text: said.append(text)))
    fairness = Fairness()
    for _turn in range(4):
        look(fairness, machine, own=3.0)
    assert str(said).count("CAP_SYS_NICE") == 1


def test_a_change_that_came_while_the_routes_were_read_is_read():
    """Its notice was received along with the answer: waiting for another one would keep the former routes in force."""
    ours, its = socket.socketpair()
    connection, loads = SimpleNamespace(fileno=ours.fileno, poll=lambda: None, notifies=["changed"]), []
    connection.cursor = lambda: SimpleNamespace(execute=lambda _statement: None)
    table = RouteTable("manager", lambda _databases: None)

    def load(_cursor):
        loads.append(bool(connection.notifies))
        if len(loads) == 2:
            raise psycopg2.OperationalError("the end of this test")

    table._load = load
    with ours, its, pytest.raises(psycopg2.OperationalError):
        table._follow(connection)
    assert loads == [True, False]


DIES = "import socket, sys; channel = socket.socket(fileno={}); {}"
READY = "channel.send(b'{\"ready\": true}'); "


@pytest.mark.parametrize(("life", "is_ready"), [("channel.recv(9)", False), (READY + "channel.recv(9)", True)])
def test_a_parent_that_could_serve_is_back_at_once(life, is_ready):
    """What died with it may be started without a pause; not so where every parent would die before it is ready."""
    settings = SimpleNamespace(
        parent_command=lambda descriptor, _modules: [sys.executable, "-c", DIES.format(descriptor, life)],
        parent_environment=dict,
    )
    with selectors.DefaultSelector() as selector:
        ended = []
        nursery = Nursery(settings, [], selector, lambda *told: ended.append(told))
        nursery.start()
        first = nursery._process
        nursery.running.add("t-x")
        messages.send(nursery._control, {})  # what it reads last
        while not ended:
            for key, _events in selector.select(120):
                key.data()
        assert ended == [("t-x", is_ready)]
        assert bool(nursery._control) == is_ready and (nursery._process is not first) == is_ready
        nursery.end()


def test_a_supervisor_that_ends_leaves_no_socket(tmp_path):
    """Not even that of an instance whose process, a moment later, ends with its parent."""
    settings = SimpleNamespace(manager_database="m", host_name="", groups=Groups(None), state_file=tmp_path / "state")
    supervisor, slot = Supervisor(settings, None), slot_of(1, tmp_path)
    killed = []
    nursery = Nursery(settings, [], supervisor.selector, supervisor._ended)
    nursery._control, _its = socket.socketpair()
    nursery._process = SimpleNamespace(kill=lambda: killed.append(1), wait=lambda _seconds=None: 0)
    nursery.running.add(slot.instance.database)
    supervisor.selector.register(nursery._control, 1, nursery._hear)
    supervisor.nurseries[()], supervisor.slots[slot.instance.database] = nursery, slot
    slot.reports, slot.nursery, slot.started = Reports(socket.socketpair()[0]), nursery, time.monotonic() - 60
    slot.listen()
    with pytest.raises(SystemExit):
        supervisor._end()
    assert killed
    assert not list(tmp_path.iterdir())
