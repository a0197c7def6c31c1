"""Every call of the user's documents, without cookies, while instances run beside the manager.

What `/inbox/integrations/sync-all` brings for several companies and mailboxes is in test_sync_url.py.
"""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from contextlib import closing
from datetime import date, timedelta

import pytest
from fleet import Fleet, wait_until

from lokario_cli.odoo_process import TEST_SECRETS
from lokario_testing.environments.client import OdooClient
from lokario_testing.environments.mail import SmtpServer

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


ALWAYS_OPEN = {"followup_opens": 0.0, "followup_closes": 23.999, "followup_days": "all", "followup_holidays": False}
APPROVED = {"followup_enabled": True, "followup_approved_at": "2026-01-01 00:00:00"}


class Office:
    """Two companies, two people in each with an invoice and a task that are late, two whose accounts end."""

    def __init__(self, fleet, port):
        self.fleet, self.client = fleet, OdooClient(fleet.server.url)
        self.client.login(fleet.manager, "admin", "admin")
        self.client.call("res.users", "write", [self.client.uid], {"email": "admin@office.test"})
        server = {"name": "Loopback", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_encryption": "none"}
        self.client.create("ir.mail_server", server)
        belgian = self.client.create("res.company", {"name": "Filiale belge"})
        self.companies = [1, belgian]
        for company in self.companies:
            if not self.client.read("res.company", company, "chart_template")["chart_template"]:
                self.client.call("account.chart.template", "try_loading", [], "generic_coa", company)
            values = {"email": f"contact@company{company}.test", **ALWAYS_OPEN, **APPROVED}
            self.client.call("res.company", "write", [company], values)
        self.groups = [self.group("base", "group_user"), self.group("project", "group_project_user")]
        self.people = [self.employ(name, company) for company in self.companies for name in ("ann", "bob")]
        self.leaving = [self.employ(name, company) for company in self.companies for name in ("eve", "max")]

    def group(self, module, name):
        data = self.client.find("ir.model.data", [["module", "=", module], ["name", "=", name]])
        return self.client.read("ir.model.data", data, "res_id")["res_id"]

    def employ(self, name, company):
        login = f"{name}.{company}@office.test"
        values = {"name": login, "login": login, "email": login, "group_ids": [[6, 0, self.groups]]}
        values |= {"company_id": company, "company_ids": [[6, 0, [company]]]}
        return self.client.create("res.users", values), company

    def create(self, company, model, values):
        context = {"allowed_company_ids": [company]}
        return self.client.call(model, "create", [{**values, "company_id": company}], context=context)[0]

    def send_late_invoice(self, user, company):
        due = date.today() - timedelta(days=9)
        customer = self.client.create("res.partner", {"name": f"Client {user}", "email": f"client{user}@beta.test"})
        line = {"name": "Pose", "quantity": 1, "price_unit": 480, "tax_ids": []}
        values = {
            "move_type": "out_invoice", "partner_id": customer, "invoice_user_id": user,
            "invoice_payment_term_id": False, "invoice_date": str(due - timedelta(days=30)),
            "invoice_date_due": str(due),
            "invoice_line_ids": [[0, 0, line]],
        }  # fmt: skip
        move = self.create(company, "account.move", values)
        self.client.call("account.move", "action_post", [move])
        self.client.call("account.move", "write", [move], {"is_move_sent": True})

    def give_late_task(self, user, company):
        project = self.create(company, "project.project", {"name": f"Chantier {user}"})
        late = f"{date.today() - timedelta(days=2)} 08:00:00"
        values = {"name": f"Toit {user}", "project_id": project, "user_ids": [user], "date_deadline": late}
        self.client.create("project.task", values)

    def let_account_end(self, user):
        request = self.client.create("lokario.account.deletion.request", {"user_id": user})
        self.client.call("lokario.account.deletion.request", "action_confirm", [request])

    def rows(self, query):
        return sorted(self.fleet.sql(query).split())


@pytest.fixture(scope="module")
def office(fleet):
    with SmtpServer() as smtp:
        office = Office(fleet, smtp.port)
        office.received = lambda: sorted(to for _from, recipients, *_rest in smtp.received for to in recipients)
        yield office


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


def call(fleet, path):
    status, body, _headers = fleet.get("localhost", f"{path}?secret={SECRET}")
    assert (status, json.loads(body)["message"]) == (200, ENDPOINTS[path])


def test_the_followups_url_reminds_the_customers_of_everybody(fleet, office):
    for user, company in office.people:
        office.send_late_invoice(user, company)
    for _twice in range(2):
        call(fleet, "/followups/process-automatic")
    wanted = sorted(f"client{user}@beta.test" for user, _company in office.people)
    wait_until(lambda: [to for to in office.received() if to.startswith("client")] == wanted)
    assert office.rows(
        "SELECT f.company_id || ':' || s.state FROM lokario_followup_step s"
        " JOIN lokario_followup f ON f.id = s.followup_id"
    ) == sorted(f"{company}:sent" for _user, company in office.people)


def test_the_hourly_checks_url_tells_everybody_of_what_is_late(fleet, office):
    for user, company in office.people:
        office.give_late_task(user, company)
    for _twice in range(2):
        call(fleet, "/cron/check-overdue-and-reminders")
    assert office.rows(
        "SELECT user_id || ':' || company_id || ':' || count(activity_id) FROM lokario_due_notice"
        " WHERE res_model = 'project.task' GROUP BY user_id, company_id"
    ) == sorted(f"{user}:{company}:1" for user, company in office.people)


def test_the_deletions_url_ends_every_account_that_is_due(fleet, office):
    for user, _company in office.leaving:
        office.let_account_end(user)
    fleet.sql("UPDATE lokario_account_deletion SET deletion_scheduled_at = '2020-01-01', due_at = '2020-01-01'")
    for _twice in range(2):
        call(fleet, "/users/process-account-deletions")
    assert office.rows("SELECT company_id || ':' || state FROM lokario_account_deletion") == sorted(
        f"{company}:done" for _user, company in office.leaving
    )
    assert fleet.sql("SELECT count(*) FROM res_users WHERE login ~ '^(eve|max)'") == "0"
    assert fleet.sql("SELECT count(*) FROM res_users WHERE login ~ '^(ann|bob)'") == "4"


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
