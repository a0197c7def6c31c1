"""A manager's journey in French: tenant, domain and IP, DNS board, warm-up board, configuration diff, API key.

With ``LOKARIO_IMAGES=docs/images`` in the environment the pictures of the documentation are taken on the way.
"""

import os
from pathlib import Path

import pytest

from lokario_cli.odoo_process import Server
from lokario_cli.paths import STATE
from lokario_testing.environments import name_server
from lokario_testing.environments.browser import Browser
from lokario_testing.environments.client import OdooClient

DATABASE = "engine_journey"
PICTURES = Path(os.environ.get("LOKARIO_IMAGES") or STATE / "pictures" / "engine")
CHART_STANDS_STILL = """(() => {
    const picture = document.querySelector(".o_graph_view canvas").toDataURL();
    window.looks = picture === window.lastLook ? window.looks + 1 : 0;
    window.lastLook = picture;
    return window.looks > 10;
})()"""


@pytest.fixture(scope="module")
def server(environment, suite_database):
    database = environment.clone(suite_database, DATABASE)
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    with Server("engine-journey", environment.options(db_name=database, **{"lokario/manager_db": database})) as server:
        yield server
    environment.drop(database)


@pytest.fixture
def client(server):
    client = OdooClient(server.url)
    client.login(DATABASE, "admin", "admin")
    client.call("res.users", "write", [2], {"lang": "fr_FR"})
    return client


def publish(client, folder):
    """Serve what the zone export says on a real name server, and let the board ask it."""
    domain = client.find("engine.domain", [["name", "=", "mail1.sos-mail.com"]])
    text = client.read("engine.domain", domain, "zone_text")["zone_text"]
    return name_server.publishing("mail1.sos-mail.com", "45.123.10.1", text, folder)


def give_a_past(environment):
    """Give the IP a past: nearly every mail of its first eleven days left, nothing on the third and fourth."""
    environment.cluster.psql(
        """INSERT INTO engine_ip_day (ip_id, tenant_id, company_id, day, quota, sent, reserved, delivered, bounced,
                                      complained)
           SELECT id, tenant_id, company_id, current_date - 11 + n, quota, sent, 0, sent, 0, 0
             FROM engine_ip, generate_series(0, 10) n,
                  LATERAL (SELECT CASE WHEN n < 9 THEN 50 ELSE 200 END AS quota) plan,
                  LATERAL (SELECT CASE WHEN n IN (2, 3) THEN 0 ELSE quota - n END AS sent) real""",
        DATABASE,
    )


@pytest.mark.skipif(not name_server.knotd(), reason="apt-get install knot")
def test_journey_in_french(environment, server, client, tmp_path):
    url = server.url.replace("127.0.0.1", "localhost")
    with Browser() as browser:
        browser.log_in(url, "admin", "admin")
        browser.open(f"{url}/odoo/engine-tenants/new")
        browser.fill(".o_field_widget[name=name] input", "SOS-Expat")
        browser.fill(".o_field_widget[name=slug] input", "sos-expat")
        browser.fill(".o_field_widget[name=from_name] input", "SOS Expat")
        browser.fill(".o_field_widget[name=from_email] input", "no-reply@sos-expat.com")
        browser.click(".o_form_button_save")
        browser.see(".o_field_widget[name=pool_name]", "sos-expat-pool")
        browser.click("button", "Ajouter un domaine et son IP")
        browser.fill(".modal .o_field_widget[name=domain] input", "mail1.sos-mail.com")
        browser.fill(".modal .o_field_widget[name=address] input", "45.123.10.1")
        browser.picture(PICTURES / "engine-add-domain.png")
        browser.click(".modal button[name=action_add]")
        browser.see(".o_form_view", "Tableau DNS")
        with publish(client, tmp_path) as address:
            client.call("ir.config_parameter", "set_param", "email_engine_bridge.dns_servers", address)
            browser.click("button[name=action_check_dns]")
            browser.see(".o_field_widget[name=check_ids]", "Le SPF est valide")
        browser.see(".o_field_widget[name=dns_state]", "Vert")
        browser.see(".o_field_widget[name=check_ids] .o_clipboard_button")
        browser.picture(PICTURES / "engine-dns-board.png")

        give_a_past(environment)
        browser.open(f"{url}/odoo/engine-warmup-curve")
        browser.see(".o_graph_view canvas", "")
        browser.wait(CHART_STANDS_STILL)
        browser.picture(PICTURES / "engine-warmup-curve.png")
        browser.open(f"{url}/odoo/engine-warmup")
        browser.see(".o_kanban_view", "45.123.10.1")
        browser.see(".o_kanban_view", "Semaine 1")
        browser.picture(PICTURES / "engine-warmup-board.png")

        ip = client.find("engine.ip", [["address", "=", "45.123.10.1"]])
        server_id = client.find("engine.powermta.server", [])
        client.call("engine.powermta.server", "action_generate", [server_id])
        browser.open(f"{url}/odoo/engine-ips/{ip}")
        browser.click("button", "Changer l’état")
        browser.click(".modal input[data-value=quota]")
        browser.fill(".modal .o_field_widget[name=quota] input", "200")
        browser.fill(".modal .o_field_widget[name=reason] input", "Liste très engagée")
        browser.picture(PICTURES / "engine-change-state.png")
        browser.click(".modal button[name=action_apply]")
        browser.see(".o-mail-Thread", "50 → 200. Liste très engagée")
        client.call("engine.powermta.server", "action_generate", [server_id])
        version = client.find("engine.config.version", [["changes", "like", "50/d → 200/d"]])
        browser.open(f"{url}/odoo/engine-configurations/{version}")
        browser.see(".o_field_widget[name=changes]", "IP 45.123.10.1: 50/d → 200/d")
        browser.picture(PICTURES / "engine-configuration-diff.png")

        browser.open(f"{url}/odoo/engine-lint")
        browser.fill(".o_field_widget[name=content] textarea", "<virtual-mta x>\nmax-msg-rate 0/h\n</virtual-mta>")
        browser.see(".o_field_widget[name=result]", "Erreur à la ligne 2 de config")
        browser.picture(PICTURES / "engine-linter.png")
        browser.open(f"{url}/odoo/settings")
        browser.click(".settings_tab .tab, .settings_tab a", "Lokario")
        browser.see("#engine_dns_servers", "Serveurs de noms")
        browser.evaluate("document.querySelector('#engine_dns_servers').scrollIntoView({block: 'center'})")
        browser.picture(PICTURES / "engine-settings.png")
        for path in ("engine-ips", "engine-domains", "engine-configurations", "engine-servers", "engine-api-keys"):
            browser.open(f"{url}/odoo/{path}")
            browser.see(".o_list_view", "")
        for path in ("engine-providers", "engine-plans", "engine-alerts", "engine-leases", "engine-ip-days"):
            browser.open(f"{url}/odoo/{path}")
            browser.see(".o_list_view, .o_graph_view", "")
        assert browser.errors == []
