"""A small sample of `./lokario chaos deletion`: the first points kill at named steps."""

from benchmarks import chaos_deletion

SEED = 20261121


def test_a_killed_deletion_is_finished_later():
    assert chaos_deletion.run(5, SEED) == []
