"""The gate in front of a real server: which database answers for which host, without any cookie."""

import contextlib
import json
import socket
import struct
import threading
import time

import pytest
from fleet import BUSY, Fleet, wait_until

from lokario_cli.console import Failure
from lokario_cli.odoo_process import Server

# Refused calls are what is tried here.
pytestmark = pytest.mark.expects_log(r"odoo\.http: Access Denied")


@pytest.fixture(scope="module", params=[0, 2], ids=["threaded", "workers"])
def fleet(request, environment, instance_template):
    fleet = Fleet(environment, instance_template, request.param)
    with fleet.server:
        yield fleet
    for database in fleet.databases:
        environment.drop(database)


def test_each_host_reaches_its_own_database(fleet):
    for host, database in (("localhost", fleet.manager), ("ACME.localhost:80", fleet.acme)):
        uid = fleet.rpc(host, "authenticate", database, "admin", "admin", {})
        assert uid["result"] == 2
        assert fleet.get(host)[0] == 200


def test_no_host_reaches_another_database(fleet):
    for host, database in (("acme.localhost", fleet.birch), ("localhost", fleet.acme), ("birch.localhost", "postgres")):
        assert "error" in fleet.rpc(host, "authenticate", database, "admin", "admin", {})
        arguments = (database, 2, "admin", "res.users", "search_count", [])
        assert "error" in fleet.rpc(host, "execute_kw", *arguments, service="object")
        assert fleet.get(host, "/json/2/res.users/context_get", **{"X-Odoo-Database": database})[0] in (401, 404)


def test_no_path_is_a_server_error(fleet):
    for path in ("/x%00y", "/web/login%00", "/%00", "/web/%ff%fe", "/%ed%a0%80"):
        assert fleet.get("acme.localhost", path)[0] == 404, path


FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize(
    ("path", "kind", "unit", "size"),
    [
        ("/web/login", FORM, b"a&", 2_000_000),
        ("/no/such/page", FORM, b"a&", 2_000_000),
        ("/web/session/authenticate", JSON, b" ", 5_000_000),
        ("/web/dataset/call_kw/res.users/read", JSON, b" ", 5_000_000),
        ("/jsonrpc", JSON, b" ", 40_000_000),
        ("/jsonrpc", JSON, b"{},", 4_000_000),
        ("/xmlrpc/2/common", "text/xml", b"<a/>", 40_000_000),
    ],
)
def test_a_stranger_fills_no_memory(fleet, path, kind, unit, size):
    assert fleet.get("acme.localhost", path, unit * (size // len(unit)), **{"Content-Type": kind})[0] == 413


def test_what_is_no_json_is_an_error_of_who_sent_it(fleet):
    for path in ("/web/dataset/call_kw/res.users/read", "/web/session/authenticate", "/jsonrpc", "/json/2/res.users/x"):
        for body in (b"{", b"[" * 200_000, b"\xff", b'{"a":' * 200_000):
            status = fleet.get("acme.localhost", path, body, **{"Content-Type": JSON})[0]
            assert 400 <= status < 500, (path, body[:10])


def test_a_customer_of_the_portal_has_what_a_stranger_has(fleet):
    """Signing up is free: whoever did fills no memory by it."""

    def call(model, method, *arguments):
        given = (fleet.acme, 2, "admin", model, method, arguments)
        return fleet.rpc("acme.localhost", "execute_kw", *given, service="object")["result"]

    (portal,) = call("ir.model.data", "search_read", [["name", "=", "group_portal"]], ["res_id"])
    login = f"customer-{time.monotonic_ns()}"
    values = {"name": login, "login": login, "password": login, "group_ids": [[6, 0, [portal["res_id"]]]]}
    call("res.users", "create", values)
    headers = {"Cookie": fleet.log_in("acme.localhost", fleet.acme, login)}
    for path, kind, unit in (
        ("/web/login", FORM, b"a&"),
        ("/web/session/get_session_info", JSON, b" "),
        ("/web/dataset/call_kw/res.users/read", JSON, b" "),
    ):
        body = unit * (6_000_000 // len(unit))
        assert fleet.get("acme.localhost", path, body, **{"Content-Type": kind, **headers})[0] == 413, (path, kind)
    assert fleet.get("acme.localhost", "/web/login", **headers)[0] == 200


def test_who_has_logged_in_may_send_files(fleet):
    session = fleet.log_in("acme.localhost", fleet.acme)
    values = {"name": "x", "raw": "x" * 6_000_000}
    call = {"model": "ir.attachment", "method": "create", "args": [values], "kwargs": {}}
    body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": call}).encode()
    headers = {"Content-Type": JSON, "Cookie": session}
    status, answer, _headers = fleet.get("acme.localhost", "/web/dataset/call_kw/ir.attachment/create", body, **headers)
    assert (status, "result" in json.loads(answer)) == (200, True), answer


@pytest.mark.parametrize("host", ["unknown.localhost", "acme.localhost.evil.test", "", "xn--80ak6aa92e.localhost"])
def test_unknown_host_gets_a_page_and_never_the_selector(fleet, host):
    for path in ("/web/login", "/", "/web/database/selector", "/web/static/img/favicon.ico"):
        status, page, _headers = fleet.get(host, path)
        assert status == 404
        assert "nothing here" in page
        assert fleet.acme not in page


def test_the_database_manager_is_closed_for_everybody(fleet):
    for path in ("/web/database/selector", "/web/database/manager", "/web/database/list"):
        assert fleet.get("localhost", path)[0] == 404


VISITOR = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "127.0.0.2", "[::1]", "[localhost]x.acme.localhost", "LOCALHOST."]
)
def test_no_name_of_loopback_leads_a_visitor_to_the_manager(fleet, name):
    """Neither as Host nor as what the proxy was told; to a program of this machine the manager answers."""
    for host, headers in ((name, VISITOR), ("acme.localhost", {**VISITOR, "X-Forwarded-Host": name})):
        assert fleet.get(host, **headers)[0] == 404
        assert "error" in fleet.rpc(host, "authenticate", fleet.manager, "admin", "admin", {}, **headers)
    assert fleet.get("localhost")[0] == 200


def test_the_manager_answers_visitors_under_its_configured_name(fleet):
    assert fleet.get("proxied", **VISITOR, **{"X-Forwarded-Host": "manager.test"})[0] == 200
    uid = fleet.rpc("manager.test", "authenticate", fleet.manager, "admin", "admin", {}, **VISITOR)
    assert uid["result"] == 2


def test_nobody_learns_which_databases_there_are(fleet):
    for host in ("acme.localhost", "localhost"):
        for database in (fleet.birch, "postgres", "t-nothing"):
            assert fleet.rpc(host, "db_exist", database, service="db")["result"] is False
    assert fleet.rpc("acme.localhost", "db_exist", fleet.acme, service="db")["result"] is True
    assert "error" in fleet.rpc("acme.localhost", "list", service="db")


def test_cookies_of_https_are_secure(fleet):
    forwarded = {"X-Forwarded-Host": "acme.localhost", "X-Forwarded-For": "203.0.113.7"}
    for protocol, secure in (("https", True), ("http", False)):
        _status, _page, headers = fleet.get("acme.localhost", **forwarded, **{"X-Forwarded-Proto": protocol})
        cookies = [value for value in headers.get_all("Set-Cookie") if value.startswith("session_id=")]
        assert cookies
        for cookie in cookies:
            assert ("Secure" in cookie, "SameSite=Lax" in cookie) == (secure, secure), cookie


@pytest.mark.expects_log("The gate cannot be put up")
@pytest.mark.parametrize("modules", ["base,web,rpc,queue_job,lokario_gate,no_such_module"])
def test_a_missing_server_wide_module_ends_the_start(environment, modules):
    server = Server("gate-missing", environment.options(server_wide_modules=modules, max_cron_threads="0"))
    with pytest.raises(Failure, match="did not start"):
        server.start()
    assert "no_such_module is in no folder of addons_path" in server.log.read_text()


def test_page_speaks_french(fleet):
    assert "Il n’y a rien ici" in fleet.get("nobody.localhost", **{"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})[1]


def test_the_secret_of_an_endpoint_is_in_no_log_line(fleet):
    for host in ("unknown.localhost", "acme.localhost", "localhost"):
        fleet.get(host, f"/inbox/integrations/sync-all?secret=of-{host}")
    wait_until(lambda: fleet.server.log.read_text().count("sync-all?secret=***") >= 3)
    assert "secret=of-" not in fleet.server.log.read_text()


def test_hostile_host_is_escaped(fleet):
    assert "<script>" not in fleet.get("<script>alert(1)</script>")[1]


def test_new_route_answers_at_once(fleet):
    assert fleet.get("fresh.localhost")[0] == 404
    fleet.add_route("fresh.localhost", fleet.birch)
    wait_until(lambda: fleet.get("fresh.localhost")[0] == 200)
    fleet.sql("DELETE FROM lokario_gate_route WHERE host = 'fresh.localhost'")
    wait_until(lambda: fleet.get("fresh.localhost")[0] == 404)


def test_suspension_cuts_people_programs_and_websockets(fleet):
    assert fleet.get("acme.localhost")[0] == 200
    websocket = open_websocket(fleet, "acme.localhost")
    fleet.sql(
        "UPDATE lokario_gate_route SET state = 'suspended', contact = 'help@host.test', message = 'Back <on> Monday'"
        " WHERE host = 'acme.localhost'"
    )
    wait_until(lambda: fleet.get("acme.localhost")[0] == 503)
    _status, page, headers = fleet.get("acme.localhost")
    assert "suspended" in page
    assert "Back &lt;on&gt; Monday" in page
    assert "mailto:help@host.test" in page
    assert headers["Retry-After"]
    assert fleet.rpc("acme.localhost", "authenticate", fleet.acme, "admin", "admin", {})["error"]["code"] == 503
    assert "error" in fleet.rpc("localhost", "authenticate", fleet.acme, "admin", "admin", {})
    assert is_closed(websocket)
    assert fleet.get("birch.localhost")[0] == 200
    fleet.sql("UPDATE lokario_gate_route SET state = 'active' WHERE host = 'acme.localhost'")
    wait_until(lambda: fleet.get("acme.localhost")[0] == 200)


def open_websocket(fleet, host):
    """A raw websocket of a public visitor; the gevent process serves it when there are workers."""
    import configparser

    conf = configparser.ConfigParser(interpolation=None)
    conf.read(fleet.server.conf)
    threaded = conf["options"]["workers"] == "0"
    port = fleet.server.port if threaded else int(conf["options"]["gevent_port"])
    connection = socket.create_connection((fleet.server.address, port), timeout=BUSY)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    lines = ["GET /websocket?version=19.0-1 HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: http://{host}", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    answer = connection.recv(4096)
    assert b" 101 " in answer.split(b"\r\n")[0], answer
    return connection


def is_closed(connection):
    """True when the server sends a close frame or ends the connection."""
    connection.settimeout(BUSY)
    try:
        head = connection.recv(2)
    except TimeoutError:
        return False
    return not head or struct.unpack("!B", head[:1])[0] & 0x0F == 8


@pytest.mark.expects_log("Request timed out")
def test_a_byte_a_second_holds_no_worker(fleet):
    """As many slow visitors as workers, in their head and in their body: the next one is served all the same."""
    body = b"POST /contact HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 60000\r\n\r\n"
    started, done = time.monotonic(), threading.Event()
    slow = [
        threading.Thread(target=drip, args=(fleet, begin, done)) for begin in (body, body, b"GET / HTTP/1.1\r\nX: ")
    ]
    for thread in slow:
        thread.start()
    try:
        assert fleet.get("localhost", "/web/health")[0] == 200
        assert time.monotonic() - started < BUSY
    finally:
        done.set()
        for thread in slow:
            thread.join()


LARGE = "/web/static/lib/pdfjs/build/pdf.worker.js"  # more than a connection holds for a reader who does not read


def test_who_does_not_read_his_answer_holds_no_worker(fleet):
    readers = [socket.socket() for _reader in range(4)]
    started = time.monotonic()
    with contextlib.ExitStack() as closing:
        for reader in readers:
            closing.enter_context(reader)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((fleet.server.address, fleet.server.port))
            reader.sendall(f"GET {LARGE} HTTP/1.1\r\nHost: acme.localhost\r\n\r\n".encode())
        assert fleet.get("acme.localhost", "/web/health")[0] == 200
        assert time.monotonic() - started < BUSY
    assert len(fleet.get("acme.localhost", LARGE)[1]) > 2_000_000


def drip(fleet, begin, done):
    with (
        socket.create_connection((fleet.server.address, fleet.server.port)) as connection,
        contextlib.suppress(OSError),
    ):
        connection.sendall(begin)
        while not done.wait(0.5):
            connection.sendall(b"a")
