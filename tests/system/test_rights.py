"""A sample of `./lokario chaos rights`, and what holds for every model, on a database with the whole suite."""

from benchmarks.chaos_rights import attack, mark
from lokario_cli.odoo_log import read_outcome
from lokario_cli.paths import STATE

POINTS, SEED = 300, 20261129
WALKS = ("TestAccessMixin", "TestCallersDefaults", "TestSharedRecords", "TestNeutralizedSecrets")


def test_nobody_reaches_what_is_not_his(loaded_odoo, generated_records):
    records = mark(loaded_odoo, generated_records)
    assert records.refused == {}
    assert attack(loaded_odoo, records, POINTS, SEED) == []


def test_every_model_of_the_suite_keeps_the_rules(environment, suite):
    """The tests of lokario_base that walk the registry, where it holds all addons."""
    log = STATE / "logs" / f"{suite}-rights.log"
    tags = ",".join(f"/lokario_base:{name}" for name in WALKS)
    code = environment.call_odoo(suite, "--test-tags", tags, "--stop-after-init", log=log)
    outcome = read_outcome(log, code)
    assert outcome.passed >= len(WALKS), log
    assert not outcome.failed, log.read_text()[-4000:]
