"""The mail engine: two tenants, a new domain and IP each, quota, and a configuration PowerMTA would take."""

import json
import subprocess
import sys

from lokario_cli.console import Failure
from lokario_cli.paths import ROOT, STATE

TENANTS = {
    "sos-expat": ("SOS-Expat", "mail1.sos-mail.com", "45.123.10.1"),
    "ulixai": ("Ulixai", "news1.ulixai-mail.com", "45.123.20.1"),
}


def warm_up(stage) -> None:
    """The document's scenario 1: a domain and its IP are added, accepted without DNS, and may send 50 mails today."""
    tenants = [_tenant(stage.client, slug) for slug in TENANTS]
    engine = Api(stage, tenants)
    quotas = []
    for tenant, (name, domain, address) in zip(tenants, TENANTS.values(), strict=True):
        _domain(stage.client, engine, tenant, domain, address)
        day = next(ip for ip in engine.get(f"/quotas/{tenant}")["ips"] if ip["address"] == address)
        quotas.append(day["daily_quota"])
        told = f"{name}: {address} warms up, {day['remaining']} of {day['daily_quota']} mails left today"
        stage.tell(told, f"{stage.home}/odoo/engine-warmup")
    _download(stage, engine, quotas)


class Api:
    """/api/v2 as the document calls it: curl, a key for the two tenants, and scripts/add_domain.py."""

    def __init__(self, stage, tenants: list[int]):
        self.url = stage.server.url
        client = stage.client
        key = client.find("engine.api.key", [["name", "=", "Demo"]])
        key = key or client.create("engine.api.key", {"name": "Demo", "tenant_ids": tenants})
        self.key = client.call("engine.api.key", "action_issue_token", [key])["context"]["shown_token"]

    def curl(self, path: str, *options: str) -> str:
        authorization = f"Authorization: Bearer {self.key}"
        return _run("curl", "-fsS", "-H", authorization, *options, f"{self.url}/api/v2{path}")

    def get(self, path: str) -> dict:
        return json.loads(self.curl(path))

    def add_domain(self, tenant: int, domain: str, address: str) -> None:
        arguments = ("--tenant", str(tenant), "--domain", domain, "--ip", address)
        _run(sys.executable, str(ROOT / "scripts" / "add_domain.py"), "--url", self.url, "--key", self.key, *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failure(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _tenant(client, slug: str) -> int:
    name = TENANTS[slug][0]
    values = {"name": name, "slug": slug, "from_name": name, "from_email": f"no-reply@{slug}.com"}
    return client.find("engine.tenant", [["slug", "=", slug]]) or client.create("engine.tenant", values)


def _domain(client, engine: Api, tenant: int, domain: str, address: str) -> None:
    """Have the domain and its IP; nobody proves the demo's names in DNS, so a manager accepts the IP with a reason."""
    if not client.find("engine.domain", [["name", "=", domain]]):
        engine.add_domain(tenant, domain, address)
    ip = client.find("engine.ip", [["address", "=", address]])
    if client.read("engine.ip", ip, "status")["status"] == "provisioning":
        reason = "Démonstration : accepté sans preuve DNS"
        change = client.create("engine.ip.change", {"ip_ids": [ip], "action": "accept", "reason": reason})
        client.call("engine.ip.change", "action_apply", [change])


def _download(stage, engine: Api, quotas: list[int]) -> None:
    """The configuration comes by the documented curl, names both pools with their quotas, and is clean."""
    target = STATE / "demo-pmta.conf"
    engine.curl("/powermta/config/download", "-o", str(target))
    findings = _run(str(ROOT / "lokario"), "pmta-lint", str(target)).strip().rpartition(": ")[2]
    text = target.read_text()
    expected = [f"<virtual-mta-pool {slug}-pool>" for slug in TENANTS] + [
        f"max-smtp-msg-rate {n}/d" for n in quotas if n
    ]
    if missing := [line for line in expected if line not in text]:
        raise Failure(f"{target} lacks {', '.join(missing)}.")
    stage.tell(f"PowerMTA's configuration was downloaded and linted: {findings}", str(target))
