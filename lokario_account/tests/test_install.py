from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestInstall(TransactionCase):
    def test_the_job_has_the_documents_endpoint(self):
        cron = self.env.ref("lokario_account.ir_cron_account_deletions")
        self.assertEqual(cron.endpoint_path, "/users/process-account-deletions")
