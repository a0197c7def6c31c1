"""A sample of the rights matrix; `./lokario chaos rights` makes every call."""

from benchmarks import chaos_rights

SEED = 20261129


def test_nobody_sees_or_changes_what_the_table_does_not_allow():
    assert chaos_rights.run(1500, SEED) == []
