"""Every call of the user's documents, without cookies, while instances run beside the manager."""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from contextlib import closing

import pytest
from fleet import Fleet, wait_until

from lokario_cli.odoo_process import TEST_SECRETS

ENDPOINTS = {
    "/inbox/integrations/sync-all": "Synchronisation inbox terminée avec succès",
    "/followups/process-automatic": "Traitement des relances automatiques terminé avec succès",
    "/users/process-account-deletions": "Traitement des suppressions de comptes terminé avec succès",
    "/cron/check-overdue-and-reminders": "Vérification des éléments en retard et des rappels terminée avec succès",
}
SECRET = TEST_SECRETS["CRON_SECRET"]
RUN_LOCK, SLOT_LOCK, MAX_SLOTS = 0x4C4B_0001, 0x4C4B_0002, 16  # lokario_base/tools/single_flight.py
LOG_LINES = {  # people look for them in their log
    "/inbox/integrations/sync-all": "🔄 Déclenchement de la synchronisation inbox via API...",
    "/followups/process-automatic": "🔄 Déclenchement du traitement des relances automatiques via API...",
    "/users/process-account-deletions": "🔄 Déclenchement du traitement des suppressions de comptes via API...",
    "/cron/check-overdue-and-reminders": "🔄 Déclenchement de la vérification des retards et rappels via API...",
}
FAILED = {
    "/inbox/integrations/sync-all": "La synchronisation inbox a échoué",
    "/followups/process-automatic": "Le traitement des relances automatiques a échoué",
    "/users/process-account-deletions": "Le traitement des suppressions de comptes a échoué",
    "/cron/check-overdue-and-reminders": "La vérification des éléments en retard et des rappels a échoué",
}
RUNNING = {
    "/inbox/integrations/sync-all": "Synchronisation inbox en cours",
    "/followups/process-automatic": "Traitement des relances automatiques en cours",
    "/users/process-account-deletions": "Traitement des suppressions de comptes en cours",
    "/cron/check-overdue-and-reminders": "Vérification des éléments en retard et des rappels en cours",
}


@pytest.fixture(scope="module", params=[0, 2], ids=["threaded", "workers"])
def fleet(request, environment, instance_template, suite_database):
    fleet = Fleet(environment, instance_template, request.param, suite_database)
    with fleet.server:
        yield fleet
    for database in fleet.databases:
        environment.drop(database)


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


@pytest.mark.parametrize("path", ENDPOINTS)
def test_scheduled_endpoint_leaves_its_line_in_the_log(fleet, path):
    fleet.get("localhost", f"{path}?secret={SECRET}")
    wait_until(lambda: LOG_LINES[path] in fleet.server.log.read_text())


@pytest.mark.expects_log(r"server action #\d+ failed|internal detail")
@pytest.mark.parametrize("path", ENDPOINTS)
def test_scheduled_endpoint_tells_that_its_job_failed(fleet, path):
    action = f"(SELECT ir_actions_server_id FROM ir_cron WHERE endpoint_path = '{path}')"
    code = fleet.sql(f"SELECT code FROM ir_act_server WHERE id = {action}")
    try:
        fleet.sql(f"UPDATE ir_act_server SET code = 'raise UserError(\"internal detail\")' WHERE id = {action}")
        status, body, _headers = fleet.get("localhost", f"{path}?secret={SECRET}")
    finally:
        fleet.sql(f"UPDATE ir_act_server SET code = $${code}$$ WHERE id = {action}")
    assert (status, json.loads(body)["success"]) == (500, False)
    assert json.loads(body)["message"] == FAILED[path]
    assert "internal" not in body


@pytest.mark.parametrize("path", ENDPOINTS)
def test_scheduled_endpoint_says_en_cours_when_others_wait_already(fleet, path):
    """Another process runs the job, and all places to wait for its end are taken."""
    job = int(fleet.sql(f"SELECT id FROM ir_cron WHERE endpoint_path = '{path}'"))
    with closing(fleet.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [RUN_LOCK, job])
        for place in range(MAX_SLOTS):
            number = job * MAX_SLOTS + place
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [SLOT_LOCK, number])
        status, body, _headers = fleet.get("localhost", f"{path}?secret={SECRET}")
    assert (status, json.loads(body)["success"]) == (200, True)
    assert json.loads(body)["message"] == RUNNING[path]


@pytest.mark.parametrize("path", ["/api/v2/quotas/1", "/api/v2/powermta/config/download"])
def test_engine_api_asks_for_a_key(fleet, path):
    assert fleet.get("localhost", path)[0] == 401


def test_a_queued_job_runs_for_the_manager(fleet):
    """With instances beside it, the job runner still finds the manager, and only it."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"{fleet.server.url}/web/login", timeout=120).read().decode()
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    form = urllib.parse.urlencode({"login": "admin", "password": "admin", "csrf_token": token}).encode()
    opener.open(f"{fleet.server.url}/web/login", form, timeout=120).close()
    assert b"job uuid" in opener.open(f"{fleet.server.url}/queue_job/create_test_job", timeout=120).read()
    wait_until(lambda: fleet.sql("SELECT DISTINCT state FROM queue_job") == "done")
