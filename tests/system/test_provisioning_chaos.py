"""A small sample of `./lokario chaos provisioning`."""

import random

from benchmarks.chaos_provisioning import kill_at_random, watch_in_the_dark

SEED = 20260314


def test_nothing_unfinished_is_seen(provisioning):
    assert watch_in_the_dark(provisioning, 3) == []


def test_killing_the_server_leaves_an_instance_or_nothing(provisioning):
    assert kill_at_random(provisioning, 2, random.Random(SEED)) == []
