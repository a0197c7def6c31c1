"""A person works on a record in the second of the hourly check."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from odoo.addons.lokario_base.tests.committed import CommittedCase


class TestLostRace(CommittedCase):
    def test_the_check_is_run_again(self):
        """He does the task of one late notice himself: the other notices lose nothing by it."""
        ann = new_test_user(self.env, "ann", "base.group_user,project.group_project_user")
        values = {"user_ids": [Command.set(ann.ids)], "date_deadline": fields.Datetime.now() - timedelta(hours=2)}
        project = self.env["project.project"].create({"name": "House"})
        roof, door = self.env["project.task"].create(
            [{"name": name, "project_id": project.id, **values} for name in ("Roof", "Door")]
        )
        notices = self.env["lokario.due.notice"]
        notices._cron_check_due()
        (roof | door).date_deadline = fields.Datetime.now() + timedelta(days=30)
        self.cr.commit()
        close, hers, runs = type(notices)._close_cured, self.connect(ann.id), []

        def work_meanwhile(check, wanted):
            runs.append(wanted)
            if len(runs) == 1:
                hers["project.task"].browse(roof.id).activity_ids.action_done()
                hers.cr.commit()
            return close(check, wanted)

        with patch.object(type(notices), "_close_cured", work_meanwhile), mute_logger("odoo.sql_db"):
            notices._cron_check_due()
        self.assertEqual(len(runs), 2)
        self.assertEqual(notices.search([("res_id", "in", (roof | door).ids)]).mapped("state"), ["closed", "closed"])
        self.assertFalse((roof | door).activity_ids)
