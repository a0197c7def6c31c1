from unittest.mock import patch

import psycopg2
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from ..exceptions import OwnershipError, ServerUnreachable
from .common import QuietPostgres, SaasCase


@tagged("post_install", "-at_install")
class TestTemplate(SaasCase):
    """What the build button refuses, and what becomes of a build that fails."""

    def setUp(self):
        super().setUp()
        self.template.write({"state": "draft", "template_db": False, "version": 0})

    def test_the_button_queues_once(self):
        with trap_jobs() as trap:
            self.template.action_build()
            trap.assert_jobs_count(1, only=self.template._job_build)
            self.assertEqual(self.template.state, "building")
            with self.assertRaisesRegex(UserError, "being built already"):
                self.template.action_build()

    def test_a_server_that_cannot_be_used_is_refused(self):
        dead = patch.object(QuietPostgres, "find", side_effect=ServerUnreachable("connection refused"))
        with dead, trap_jobs() as trap, self.assertRaisesRegex(UserError, "does not answer: connection refused"):
            self.template.action_build()
        trap.assert_jobs_count(0)
        self.assertEqual(self.template.state, "draft")

    def test_another_postgresql_is_refused(self):
        """Its databases could not be served by this Odoo, and their files would be elsewhere."""
        self.server.write({"state": "draft", "db_host": "elsewhere.test"})
        with self.assertRaisesRegex(UserError, "“elsewhere.test” is another PostgreSQL"):
            self.server.action_activate()
        self.assertEqual(self.server.state, "draft")

    def test_a_failed_build_ends_in_a_sentence(self):
        for err, words in (
            (OwnershipError("t-tpl_small_v1"), "“t-tpl_small_v1” does not belong to this manager"),
            (psycopg2.errors.DiskFull("no space left"), "DiskFull: no space left"),
            (PermissionError(13, "Permission denied"), "Permission denied"),
        ):
            self.template.write({"state": "building"})
            with self.subTest(err), patch.object(QuietPostgres, "drop", side_effect=err):
                self.template._job_build()
            self.assertEqual(self.template.state, "failed")
            self.assertRegex(self.template.build_error, words)

    def test_unknown_modules_are_named(self):
        with self.assertRaisesRegex(ValidationError, "no module nonsense"):
            self.template.modules = "web, nonsense"
