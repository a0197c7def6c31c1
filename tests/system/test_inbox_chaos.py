"""A small sample of `./lokario chaos inbox`."""

from benchmarks import chaos_inbox
from lokario_cli.setup.postgres import Cluster

SEED = 3


def test_a_fault_loses_and_doubles_nothing():
    assert chaos_inbox.run(4, SEED, cluster=Cluster.for_tests()) == []
