"""A sample of Odoo's own tests with the suite; `./lokario core-tests` runs all that pass through what we extend."""

from lokario_testing.core_tests.comparison import SAMPLE, SERVER_WIDE, expected_differences, results, tags_of


def test_a_sample_of_odoos_own_tests_passes(environment, suite_database):
    outcomes = results(environment, suite_database, SAMPLE, f"{SERVER_WIDE},lokario_gate")
    assert sum(outcome == "passed" for outcome in outcomes.values()) > 20
    failed = {name for name, outcome in outcomes.items() if outcome == "failed"}
    assert failed <= expected_differences()


def test_failures_are_run_again_by_class():
    names = ["mail.tests.test_res_users.TestUser.test_one", "mail.tests.test_res_users.TestUser.test_two"]
    assert tags_of(names) == "/mail:TestUser"
