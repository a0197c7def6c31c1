"""Real servers for the system tests: one PostgreSQL for all of them."""

import os

import pytest

from lokario_cli.paths import ADDONS
from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import World
from lokario_cli.worlds.provisioning import ProvisioningWorld

INSTANCE_MODULES = ["base", "web", "mail", "portal", "auth_signup"]


@pytest.fixture(scope="session")
def world():
    with Cluster.for_tests() as cluster:
        yield World(cluster)


@pytest.fixture(scope="session")
def instance_template(world):
    """A sealed database such as clients' instances are cloned from."""
    return world.cached_database(INSTANCE_MODULES, languages="fr_FR")


@pytest.fixture(scope="session")
def suite_database(world):
    """A database with the whole suite, to be cloned (connections to it are closed)."""
    database = world.clone(world.template(), f"suite_{os.getpid()}")
    world.run_odoo(database, "-i", ",".join(ADDONS), "--stop-after-init")
    world.cluster.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
    yield database
    world.drop(database)


@pytest.fixture(scope="session")
def provisioning(world):
    """A manager whose template is built by its own button; shared by the tests of saas_manager."""
    with ProvisioningWorld(world) as started:
        started.build_template()
        yield started


@pytest.fixture
def mails(provisioning):
    """Wait for the mails received since the beginning of the test."""
    provisioning.mails.received.clear()
    return provisioning.wait_for_mails
