"""A sample of the chaos of business mail: `./lokario chaos delivery followups` plays it in full."""

from benchmarks import chaos_delivery, chaos_followups

SEED = 5


def test_killed_workers_neither_lose_nor_double_a_mail():
    assert chaos_delivery.run(5, SEED) == []


def test_no_reminder_after_what_happened_before_the_last_look():
    assert chaos_followups.run(40, SEED) == []
