"""The four scenarios as a person sees them: the real web client in Chromium, without reloading a page."""

import uuid

import pytest

from lokario_cli.paths import STATE
from lokario_testing.environments.browser import Browser

PICTURES = STATE / "pictures" / "saas"
STATUS = ".o_statusbar_status .o_arrow_button_current"


@pytest.fixture
def browser(provisioning):
    assert provisioning.read("res.users", 2, "lang") == "en_US"
    with Browser(language="en-US") as started:
        started.log_in(f"http://localhost:{provisioning.server.port}", "admin", "admin")
        yield started


@pytest.mark.expects_log(r"odoo\.http: This is not the name of the instance")
def test_the_life_of_an_instance_on_the_screen(provisioning, browser):
    environment, name = provisioning, f"w{uuid.uuid4().hex[:8]}"
    environment.forget_mails()
    instance = environment.create_instance(name)
    browser.open(f"http://localhost:{environment.server.port}/odoo/saas-instances/{instance}")
    browser.see(STATUS, "Draft")
    browser.picture(PICTURES / "1-draft.png")

    browser.click("button[name=action_provision_instance]", "Provision")
    browser.see(".o_form_view .o_progressbar, .o_notification", "")
    browser.picture(PICTURES / "2-provisioning.png")
    browser.see(STATUS, "Active", timeout=120)
    browser.see(".o_notification", "is now active at")
    browser.see(".o_field_widget[name=step_ids]", "Log in as the administrator")
    browser.picture(PICTURES / "3-active.png")
    environment.wait_for_mails(1)

    browser.click(".o_statusbar_buttons button:not([disabled])", "Suspend")
    browser.fill(".modal .o_field_widget[name=reason] input", "unpaid invoice")
    browser.picture(PICTURES / "4-suspend.png")
    browser.click(".modal button[name=action_confirm]")
    browser.see(STATUS, "Suspended")
    browser.see(".o_notification", "is queued")
    assert environment.get(f"{name}.localhost")[0] == 503

    browser.click("button[name=action_reactivate]:not([disabled])")
    browser.see(STATUS, "Active")
    assert environment.get(f"{name}.localhost")[0] == 200

    browser.click(".o_statusbar_buttons button:not([disabled])", "Delete")
    browser.see(".modal", "There is no way back")
    browser.fill(".modal .o_field_widget[name=typed_name] input", "something else")
    browser.fill(".modal .o_field_widget[name=reason] input", "contract ended")
    browser.click(".modal button[name=action_confirm]")
    browser.see(".o_dialog, .modal, .o_notification", "This is not the name of the instance")
    browser.picture(PICTURES / "5-wrong-name.png")
    browser.click(".modal-footer button", "Close")
    browser.fill(".modal .o_field_widget[name=typed_name] input", name.title())
    browser.click(".modal button[name=action_confirm]")
    browser.see(STATUS, "Terminated")
    browser.see(".o_notification", "is queued")
    browser.picture(PICTURES / "6-terminated.png")
    assert environment.database(name) not in environment.databases()
    assert len(environment.wait_for_mails(4)) == 4


def test_the_lists(provisioning, browser):
    base = f"http://localhost:{provisioning.server.port}/odoo"
    for path, selector in (
        ("saas-instances", ".o_kanban_view"),
        ("saas-servers", ".o_list_view"),
        ("saas-templates", ".o_list_view"),
        ("saas-plans", ".o_list_view"),
        ("saas-journal", ".o_list_view"),
    ):
        browser.open(f"{base}/{path}")
        browser.see(selector)
        browser.picture(PICTURES / f"list-{path}.png")
    for path, record in (("saas-servers", provisioning.server_id), ("saas-templates", provisioning.template_id),
                         ("saas-plans", provisioning.plan_id)):  # fmt: skip
        browser.open(f"{base}/{path}/{record}")
        browser.see(".o_form_view .o_form_sheet")
        browser.picture(PICTURES / f"form-{path}.png")
        browser.click(".oe_stat_button", "Instances")
        browser.see(".o_kanban_view .o_searchview_facet", "Not Deleted")
    assert [error for error in browser.errors if "Failed to load resource" not in error] == []


def test_the_figures(provisioning, browser):
    base = f"http://localhost:{provisioning.server.port}/odoo"
    for path in ("saas-instances", "saas-journal"):
        browser.open(f"{base}/{path}")
        browser.click(".o_switch_view.o_graph")
        browser.see(".o_graph_renderer canvas")
        browser.picture(PICTURES / f"graph-{path}.png")
    browser.open(f"{base}/saas-instances")
    browser.click(".o_switch_view.o_pivot")
    browser.see(".o_pivot table td")
    browser.picture(PICTURES / "pivot-saas-instances.png")


def test_the_settings(provisioning, browser):
    browser.open(f"http://localhost:{provisioning.server.port}/odoo/settings#lokario_base")
    browser.click(".settings_tab .tab, .settings_tab a", "Lokario")
    browser.see(".app_settings_block", "Clients' Instances")
    browser.evaluate("document.getElementById('saas_addresses').scrollIntoView()")
    browser.picture(PICTURES / "settings.png")
    browser.click("#saas_servers button", "Servers")
    browser.see(".o_list_view .o_data_row", "Here")


def test_a_secret_is_typed_replaced_and_cleared(provisioning, browser):
    environment, field = provisioning, ".o_field_widget[name=relay_password]"
    plan = environment.call("saas.plan", "copy", [environment.plan_id], {"name": "With a secret"})
    plan = plan[0] if isinstance(plan, list) else plan
    browser.open(f"http://localhost:{environment.server.port}/odoo/saas-plans/{plan}")
    seen = set()
    for number, typed in enumerate(("first-secret", "second-secret")):
        browser.see(f"{field} input[placeholder='{'Stored, encrypted' if number else 'Not set'}']")
        browser.picture(PICTURES / f"secret-{number}.png")
        browser.fill(f"{field} input", typed)
        save(browser)
        browser.see(f"{field} input[placeholder='Stored, encrypted']")
        seen.add(stored_secret(environment, plan))
    assert len(seen) == 2, "another ciphertext"
    shown = browser.evaluate(f"document.documentElement.outerHTML + document.querySelector('{field} input').value")
    assert "first-secret" not in shown
    assert "second-secret" not in shown
    browser.click(f"{field} button", "Clear")
    save(browser)
    browser.see(f"{field} input[placeholder='Not set']")
    browser.picture(PICTURES / "secret-cleared.png")
    assert not stored_secret(environment, plan)


def save(browser):
    browser.see(".o_form_dirty")
    browser.click(".o_form_button_save")
    browser.see(".o_form_saved")


def stored_secret(environment, plan):
    return environment.environment.cluster.psql(
        f"SELECT relay_password FROM saas_plan WHERE id = {plan}", environment.manager
    )
