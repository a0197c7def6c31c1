from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import SaasCase


@tagged("post_install", "-at_install")
class TestOffers(SaasCase):
    """The client's country decides which template of the plan he gets."""

    def setUp(self):
        super().setUp()
        self.france, self.belgium = self.env.ref("base.fr"), self.env.ref("base.be")
        self.template.country_id = self.france
        self.belgian = self.template.copy({"code": "be", "country_id": self.belgium.id, "name": "Belgium"})
        self.belgian.write({"state": "ready", "template_db": "t-tpl_be_v1", "version": 1})

    def test_a_plan_refuses_a_mail_server_that_is_none(self):
        self.plan.write({"relay_host": "[2001:db8::1]", "relay_sender": "Service <noreply@example.com>"})
        for name, wrong in (("relay_host", "smtp.example.com:587"), ("relay_sender", "noreply at example.com")):
            with self.assertRaisesRegex(ValidationError, f"“{wrong}” is no "), self.cr.savepoint():
                self.plan[name] = wrong

    def test_a_client_gets_the_template_of_his_country(self):
        self.plan.country_template_ids = self.belgian
        self.partner.country_id = self.belgium
        instance = self.new_instance()
        self.assertEqual(instance.template_id, self.belgian)
        self.partner.country_id = self.france
        self.assertEqual(instance.template_id, self.template)
        with trap_jobs():
            instance.action_provision_instance()
        self.partner.country_id = self.belgium
        self.assertEqual(instance.template_id, self.template, "of what exists it stays")

    def test_without_a_fitting_one_the_order_is_refused_with_those_there_are(self):
        self.plan.country_template_ids = self.belgian
        self.partner.country_id = self.env.ref("base.ch")
        instance = self.new_instance()
        with self.assertRaisesRegex(UserError, "made for France.*Switzerland.*Belgium, France"), trap_jobs() as trap:
            instance.action_provision_instance()
        trap.assert_jobs_count(0)
        self.assertEqual(instance.state, "draft")
        neutral = self.template.copy({"code": "any", "country_id": False})
        neutral.write({"state": "ready", "template_db": "t-tpl_any_v1", "version": 1})
        self.plan.country_template_ids |= neutral
        self.assertEqual(self.new_instance("other").template_id, neutral)

    def test_a_template_of_another_country_chosen_by_hand_is_refused(self):
        self.partner.country_id = self.belgium
        instance = self.new_instance(template_id=self.template.id)
        with self.assertRaisesRegex(UserError, "made for France"):
            instance.action_provision_instance()


@tagged("post_install", "-at_install")
class TestOwner(SaasCase):
    """An instance always has a client."""

    def test_the_client_of_an_instance_cannot_delete_his_account(self):
        groups = self.env.ref("base.group_portal").ids
        other = self.partner.copy()
        for partner in (self.partner, other):
            self.env["res.users"].create({"login": f"c{partner.id}", "partner_id": partner.id, "group_ids": groups})
        instance = self.new_instance()
        self.force_state(instance, "active")
        plan = self.env["lokario.deletion.plan"].sudo()
        (obstacle,) = plan._obstacles(self.partner.user_ids)
        self.assertIn("martin.example.test", obstacle)
        self.assertFalse(plan._obstacles(other.user_ids))
        self.force_state(instance, "terminated")
        self.assertFalse(plan._obstacles(self.partner.user_ids))

    def test_a_colleague_with_an_account_may_take_an_instance_over(self):
        acme = self.env["res.partner"].create({"name": "ACME", "is_company": True})
        groups = self.env.ref("base.group_portal").ids
        anne, bob = (
            self.env["res.users"].create({"name": name, "login": f"{name}@x.test", "group_ids": groups})
            for name in ("anne", "bob")
        )
        (anne | bob).partner_id.parent_id = acme
        instance, other = self.new_instance(), self.new_instance("other")
        instance.partner_id = anne.partner_id
        self.force_state(instance, "active")
        plan = self.env["lokario.deletion.plan"].sudo()
        self.assertFalse(plan._obstacles(anne))
        (owned,) = plan._belongings(anne)
        self.assertEqual((owned.heirs, owned.possible, owned.default), (bob._ids, ("hand_over",), None))
        plan._carry_out_instance(None, owned, "hand_over", bob)
        self.assertEqual((instance.partner_id, other.partner_id), (bob.partner_id, self.partner))
