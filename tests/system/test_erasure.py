"""A small sample of `./lokario chaos erasure`: few people, in every text of the modules that the suite installs."""

from benchmarks import chaos_erasure

SEED = 20261129


def test_deleted_people_are_where_the_certificates_say(loaded_suite):
    broken = chaos_erasure.run_on(loaded_suite, 8, SEED)
    assert not broken, "\n".join(broken)
