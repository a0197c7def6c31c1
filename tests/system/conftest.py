"""Real servers for the system tests: one PostgreSQL for all of them."""

import copy
import os

import pytest

from benchmarks.rights_records import MarkedRecords
from lokario_cli.odoo_process import unexpected_in_logs
from lokario_cli.setup.postgres import Cluster
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.loaded import LoadedOdoo
from lokario_testing.environments.provisioning import ProvisioningEnvironment

PLAIN = ["mail", "base_setup"]
INSTANCE_MODULES = ["base", "web", "mail", "portal", "auth_signup"]


def pytest_configure(config):
    config.addinivalue_line("markers", "expects_log(pattern): a WARNING or ERROR of a server that the test provokes")


@pytest.fixture(autouse=True)
def nothing_unexpected_is_logged(request):
    """A WARNING, ERROR or traceback in the log of any Odoo started by us fails the test that caused it."""
    yield
    expected = tuple(marker.args[0] for marker in request.node.iter_markers("expects_log"))
    found = unexpected_in_logs(expected)
    assert not found, found


@pytest.fixture(scope="session")
def environment():
    with Cluster.for_tests() as cluster:
        databases = Databases(cluster)
        yield databases
        databases.release_shared()


@pytest.fixture(scope="session")
def plain(environment):
    """A database on which any addon is to install."""
    return environment.cached_database(PLAIN)


@pytest.fixture(scope="session")
def instance_template(environment):
    """A sealed database such as clients' instances are cloned from."""
    return environment.cached_database(INSTANCE_MODULES, upon=PLAIN)


@pytest.fixture(scope="session")
def suite_database(environment):
    """A database with the whole suite, to be cloned (connections to it are closed); one for all processes of a run."""
    return environment.suite_database()


@pytest.fixture
def suite(environment, suite_database):
    """A copy of its own of the database with the whole suite."""
    database = environment.clone(suite_database, f"suite_copy_{os.getpid()}")
    environment.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
    yield database
    environment.drop(database)


@pytest.fixture(scope="session")
def loaded_odoo(environment, suite_database):
    """Odoo with the whole suite in this process; the database is for each test to begin anew."""
    database = environment.clone(suite_database, f"suite_loaded_{os.getpid()}")
    odoo = LoadedOdoo(environment, database, log_level="critical")
    yield odoo
    odoo.close()
    environment.drop(database)


@pytest.fixture
def loaded_suite(loaded_odoo, suite_database):
    """Odoo with a copy of the suite's database in this process."""
    loaded_odoo.begin_anew(suite_database)
    return loaded_odoo


@pytest.fixture(scope="session")
def records_database(loaded_odoo, suite_database):
    """A database with records of every model, to be cloned, and what is known of them; marked they are later."""
    loaded_odoo.begin_anew(suite_database)
    with loaded_odoo.env() as env:
        records = MarkedRecords(env).fill()
    loaded_odoo.close()
    database = loaded_odoo.environment.clone(loaded_odoo.database, f"{loaded_odoo.database}_records")
    yield database, records
    loaded_odoo.environment.drop(database)


@pytest.fixture
def generated_records(loaded_odoo, records_database):
    """What is known of the records; Odoo's database is a copy of that with them."""
    database, records = records_database
    loaded_odoo.begin_anew(database)
    return copy.deepcopy(records, {id(records.env): None})


@pytest.fixture(scope="session")
def provisioning(environment):
    """A manager whose template is built by its own button; shared by the tests of saas_manager in a process."""
    with ProvisioningEnvironment(environment) as started:
        started.build_template()
        yield started


@pytest.fixture
def isolated(provisioning, request):
    """How new instances run meanwhile: in a process of their own, or the shared one."""
    provisioning.call("saas.server", "write", [provisioning.server_id], {"isolation": request.param})
    yield request.param
    provisioning.call("saas.server", "write", [provisioning.server_id], {"isolation": "process"})


@pytest.fixture
def mails(provisioning):
    """Wait for the mails received since the beginning of the test."""
    provisioning.forget_mails()
    return provisioning.wait_for_mails
