"""The MTA-STS policy: fetched by HTTPS from a real server whose certificate an authority of our own signed."""

import datetime
import http.server
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_dns_board import BOARD, LOOKUP, needs_knot, zone_text

from lokario_testing.environments import name_server

ENFORCED = "version: STSv1\r\nmode: enforce\r\nmx: *.{zone}\r\nmax_age: 86400\r\n"
POLICIES = {
    "right": (ENFORCED, "ok", "mta_sts_right"),
    "testing": (ENFORCED.replace("enforce", "testing"), "ok", "mta_sts_right"),
    "off": ("version: STSv1\nmode: none\nmax_age: 86400\n", "warning", "mta_sts_off"),
    "other-mx": (ENFORCED.replace("*.{zone}", "mx.elsewhere.example"), "error", "mta_sts_not_covered"),
    "deeper-mx": (ENFORCED.replace("*.{zone}", "*.{zone}.example"), "error", "mta_sts_not_covered"),
    "no-age": (ENFORCED.replace("max_age: 86400", ""), "error", "mta_sts_unreadable"),
    "page": ("<html>Not found</html>", "error", "mta_sts_unreadable"),
    "moved": (302, "error", "mta_sts_unreachable"),
    "missing": (404, "error", "mta_sts_unreachable"),
    "stranger": (ENFORCED, "error", "mta_sts_unreachable"),  # the certificate names other hosts
}


class Policies(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.headers["Host"].split(".")[1]
        body = POLICIES[name][0]
        status = body if isinstance(body, int) else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://mta-sts.right.example/.well-known/mta-sts.txt")
        self.end_headers()
        if status == 200 and self.path == "/.well-known/mta-sts.txt":
            self.wfile.write(body.replace("{zone}", f"{name}.example").encode())

    def log_message(self, *_arguments):
        pass


def certificate(folder):
    """Write a self-signed certificate for every policy host but the stranger's; returns its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "policies")])
    hosts = [x509.DNSName(f"mta-sts.{case}.example") for case in POLICIES if case != "stranger"]
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    target = folder / "policies.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    target.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return target


@pytest.fixture(scope="module")
def fetcher(tmp_path_factory):
    from odoo.addons.email_engine_bridge.tools.mta_sts import PolicyFetcher

    pem = certificate(tmp_path_factory.mktemp("sts"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Policies)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield PolicyFetcher(ca_certs=str(pem), port=server.server_port)
    server.shutdown()


@pytest.fixture(scope="module")
def lookup(tmp_path_factory):
    records = ("_mta-sts TXT v=STSv1; id=1", "mta-sts A 127.0.0.1", "@ MX 10 mx.{zone}.", "mx A 192.0.2.10")
    zones = {f"{case}.example": zone_text(f"{case}.example", records) for case in POLICIES}
    with name_server.serving(zones, tmp_path_factory.mktemp("knot")) as address:
        yield LOOKUP.DnsLookup(address)


@needs_knot
@pytest.mark.parametrize("case", POLICIES)
def test_policy(case, lookup, fetcher):
    _body, verdict, code = POLICIES[case]
    check = BOARD.check_mta_sts(lookup, f"{case}.example", fetcher)
    assert (check.verdict, check.finding["code"]) == (verdict, code)


@needs_knot
def test_an_internal_address_is_never_asked(lookup):
    from odoo.addons.email_engine_bridge.tools.mta_sts import PolicyFetcher

    check = BOARD.check_mta_sts(lookup, "right.example", PolicyFetcher())
    assert check.finding["code"] == "mta_sts_unreachable"
    assert "no public address" in check.finding["error"]
