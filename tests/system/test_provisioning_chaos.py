"""A small sample of `./lokario chaos provisioning`."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleet import wait_until

from benchmarks.chaos_provisioning import kill_at_random, watch_in_the_dark
from lokario_testing.environments.provisioning import ProvisioningEnvironment

SEED = 20260314


@pytest.mark.parametrize("isolated", ["shared"], indirect=True)
def test_nothing_unfinished_is_seen(provisioning, isolated):
    assert watch_in_the_dark(provisioning, 3) == []


@pytest.mark.expects_log("Re-queued dead job")
def test_killing_the_server_leaves_an_instance_or_nothing(provisioning):
    assert kill_at_random(provisioning, 2, random.Random(SEED)) == []


@pytest.mark.expects_log("Re-queued dead job")
def test_provisions_do_not_wait_for_each_others_workers(environment):
    """The documented minimum of two workers, both busy with provisions: each proves its instance by itself."""
    with ProvisioningEnvironment(environment, workers="2") as manager:
        manager.build_template()
        instances = [manager.create_instance(f"busy{number}") for number in range(6)]
        for instance in instances:
            manager.call("saas.instance", "action_provision_instance", [instance])
        states = [manager.wait_for("saas.instance", instance, {"active", "error"}, 240) for instance in instances]
        assert states == ["active"] * 6
        kill_in_the_middle_of(manager, {"action_suspend": instances[0], "action_terminate": instances[1]})
        wait_until(lambda: state_of(manager, instances[0]) == "suspended", 120)
        wait_until(lambda: state_of(manager, instances[1]) == "terminated", 120)
        assert manager.database("busy1") not in manager.databases()


def state_of(manager, instance):
    """Its state; the runner, which looks for dead jobs once a minute or when something wakes it, looks now."""
    query = f"NOTIFY queue_job; SELECT state FROM saas_instance WHERE id = {instance}"
    return manager.environment.cluster.psql(query, manager.manager).split()[-1]


def kill_in_the_middle_of(manager, actions):
    """SIGKILL the server as soon as each of these actions has written down what it is going to do."""
    begun = "SELECT count(*) FROM saas_instance WHERE operation IS NOT NULL OR state IN ('suspended', 'terminated')"
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(manager.call, "saas.instance", action, [one]) for action, one in actions.items()]
        while int(manager.environment.cluster.psql(begun, manager.manager)) < len(actions):
            assert not all(call.done() for call in calls)
        manager.server.kill()
    manager.server.start()
    manager.log_in()
