"""A sample of `./lokario chaos paused_host`."""

from benchmarks import chaos_paused_host

SEED = 7


def test_an_awakened_host_sends_nothing_beside_its_successor():
    assert chaos_paused_host.run(4, SEED) == []
