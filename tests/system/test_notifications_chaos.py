"""A sample of `./lokario chaos notifications`: PostgreSQL ends the connections here, it is not restarted."""

from benchmarks import chaos_notifications

SEED = 20261129
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()"


def test_every_message_arrives_once_and_every_webhook_in_order(loaded_suite):
    cluster, database = loaded_suite.environment.cluster, loaded_suite.database
    broken = chaos_notifications.play(loaded_suite, 5, SEED, lambda: cluster.psql(END.format(database)), changes=4)
    assert broken == []


def test_credentials_are_kept_nowhere(loaded_suite):
    assert chaos_notifications.plant(loaded_suite, 10, SEED) == []
