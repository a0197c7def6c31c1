"""Every call of the user's documents, without cookies, while instances run beside the manager."""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request

import pytest
from fleet import Fleet, wait_until

from lokario_cli.worlds.odoo import TEST_SECRETS

ENDPOINTS = {
    "/inbox/integrations/sync-all": "Synchronisation inbox terminée avec succès",
    "/followups/process-automatic": "Traitement des relances automatiques terminé avec succès",
    "/users/process-account-deletions": "Traitement des suppressions de comptes terminé avec succès",
    "/cron/check-overdue-and-reminders": "Vérification des éléments en retard et des rappels terminée avec succès",
}
SECRET = TEST_SECRETS["CRON_SECRET"]


@pytest.fixture(scope="module", params=[0, 2], ids=["threaded", "workers"])
def fleet(request, world, instance_template, suite_database):
    fleet = Fleet(world, instance_template, request.param, suite_database)
    with fleet.server:
        yield fleet
    for database in fleet.databases:
        world.drop(database)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_scheduled_endpoint_answers_as_documented(fleet, path):
    status, body, headers = fleet.get("localhost", f"{path}?secret={SECRET}")
    assert status == 200
    answer = json.loads(body)
    assert answer["success"] is True
    assert answer["message"] == ENDPOINTS[path]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", answer["timestamp"])
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", ENDPOINTS)
def test_scheduled_endpoint_refuses_a_wrong_secret(fleet, path):
    for wrong in ("", "?secret=", f"?secret={SECRET.upper()}", f"?secret={SECRET}x"):
        assert fleet.get("localhost", path + wrong)[0] == 403
    assert SECRET not in fleet.server.log.read_text()


@pytest.mark.parametrize("path", ["/api/v2/quotas/1", "/api/v2/powermta/config/download"])
def test_engine_api_asks_for_a_key(fleet, path):
    assert fleet.get("localhost", path)[0] == 401


def test_a_queued_job_runs_for_the_manager(fleet):
    """With instances beside it, the job runner still finds the manager, and only it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"{fleet.server.url}/web/login", timeout=60).read().decode()
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    form = urllib.parse.urlencode({"login": "admin", "password": "admin", "csrf_token": token}).encode()
    opener.open(f"{fleet.server.url}/web/login", form, timeout=60).close()
    assert b"job uuid" in opener.open(f"{fleet.server.url}/queue_job/create_test_job", timeout=60).read()
    wait_until(lambda: fleet.sql("SELECT DISTINCT state FROM queue_job") == "done", 30)
