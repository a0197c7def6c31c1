"""Real servers for the system tests: one PostgreSQL for all of them."""

import pytest

from lokario_cli.setup.postgres import Cluster
from lokario_cli.worlds.odoo import World

INSTANCE_MODULES = ["base", "web", "mail", "portal", "auth_signup"]


@pytest.fixture(scope="session")
def world():
    with Cluster.for_tests() as cluster:
        yield World(cluster)


@pytest.fixture(scope="session")
def instance_template(world):
    """A sealed database such as clients' instances are cloned from."""
    return world.cached_database(INSTANCE_MODULES, languages="fr_FR")
