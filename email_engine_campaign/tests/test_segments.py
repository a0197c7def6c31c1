import itertools
import json
from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import ValidationError
from odoo.tests import Form, new_test_user, tagged

from ..models.engine_segment_rule import OPERATORS, SUBJECTS
from ..tools.segment_rules import Rule, compile_rules, find_problem
from .common import CampaignCommittedCase, CampaignHttpCase

HOSTILE = ("'; DROP TABLE engine_contact; --", "%(rule_0_key)s", "%s%%", "{given}", '"', "\\", "é ' \" $1", "1e9", "-")


@tagged("post_install", "-at_install")
class TestSegments(CampaignCommittedCase):
    def setUp(self):
        super().setUp()
        contacts = [
            {"email": "a@lyon.test", "attributes": {"city": "Lyon", "spent": "99,5", "born": "1980-05-01"}},
            {"email": "b@lyon.test", "attributes": {"city": "LYON", "spent": 1000, "born": "2001-12-31"}},
            {"email": "c@paris.test", "first_name": "Zoé", "consent": "given", "consent_source": "form"},
            {"email": "d@paris.test", "consent": "withdrawn"},
        ]
        values = [{"tenant_id": self.tenant_a.id, **contact} for contact in contacts]
        self.contacts = self.env["engine.contact"].create(values)
        self.env["engine.contact"].create({"tenant_id": self.tenant_b.id, "email": "a@lyon.test"})

    def _create(self, *rules, match="all", **values):
        commands = [Command.create(rule) for rule in rules]
        values = {"name": "S", "tenant_id": self.tenant_a.id, "match": match, "rule_ids": commands, **values}
        return self.env["engine.segment"].create(values)

    def test_a_copy_has_a_name_and_the_rules_of_its_own(self):
        rule = {"subject": "attribute", "key": "city", "operator": "is", "value": "Lyon"}
        segment = self._create(rule, name="Regular")
        first, second = segment.copy(), segment.copy()
        self.assertEqual((first.name, second.name), ("Regular (2)", "Regular (3)"))
        self.assertEqual((first.rule_ids.value, len(segment.rule_ids)), ("Lyon", 1))
        self.assertNotEqual(first.rule_ids, segment.rule_ids)

    def _find(self, *rules, match="all"):
        """The first letters of the contacts that a campaign to this segment would write to, or leave out."""
        segment = self._create(*rules, match=match)
        campaign = self._create_campaign(list_ids=False, segment_ids=segment.ids)
        self.env["engine.campaign.audience"]._populate(campaign)
        found = campaign.recipient_ids
        reachable = found.filtered(lambda one: one.state == "queued")
        self.assertEqual((segment.contact_count, segment.reachable_count), (len(found), len(reachable)))
        segment.active = False
        segment.flush_recordset()
        return "".join(sorted(email[0] for email in found.mapped("email")))

    def test_values(self):
        city = {"subject": "attribute", "key": "city"}
        spent, born = {"subject": "attribute", "key": "spent"}, {"subject": "attribute", "key": "born"}
        for found, rule in (
            ("ab", {**city, "operator": "is", "value": "lyon"}),
            ("cd", {**city, "operator": "is_not", "value": "Lyon"}),
            ("ab", {**city, "operator": "contains", "value": "yo"}),
            ("", {**city, "operator": "contains", "value": "y_n"}),
            ("ab", {**city, "operator": "set"}),
            ("cd", {**city, "operator": "unset"}),
            ("b", {**spent, "operator": "above", "value": "99.5"}),
            ("a", {**spent, "operator": "below", "value": "1000"}),
            ("b", {**born, "operator": "above", "value": "2000-01-01"}),
            ("cd", {"subject": "domain", "operator": "is", "value": "Paris.test"}),
            ("c", {"subject": "first_name", "operator": "is", "value": "zoé"}),
            ("abc", {"subject": "consent", "operator": "is_not", "value": "withdrawn"}),
        ):
            with self.subTest(rule=rule):
                self.assertEqual(self._find(rule), found)

    def test_moments_and_both_ways_to_match(self):
        self.contacts[0].flush_recordset()
        self.env.cr.execute(
            "UPDATE engine_contact SET create_date = create_date - interval '40 days' WHERE id = %s",
            [self.contacts[0].id],
        )
        new, old = ({"subject": "created", "operator": operator, "days": 30} for operator in ("within", "not_within"))
        given = {"subject": "consented", "operator": "within", "days": 1}
        self.assertEqual((self._find(new), self._find(old), self._find(given)), ("bcd", "a", "c"))
        self.assertEqual(self._find(old, given, match="any"), "ac")
        self.assertEqual(self._find(old, given), "")

    def test_engagement(self):
        campaign = self._create_campaign(list_ids=self.list.ids)
        self.contacts[:2].list_ids = self.list
        campaign._send()
        now = fields.Datetime.now()
        first, second = campaign.recipient_ids
        first.sudo().write({"handed_at": now, "opened_at": now})
        second.sudo().write({"handed_at": now - timedelta(days=9), "clicked_at": now - timedelta(days=9)})
        for found, subject, operator in (
            ("a", "opened", "within"),
            ("bcd", "opened", "not_within"),
            ("a", "received", "within"),
            ("", "clicked", "within"),
        ):
            with self.subTest(subject=subject, operator=operator):
                self.assertEqual(self._find({"subject": subject, "operator": operator, "days": 7}), found)

    def test_a_campaign_to_a_segment_of_a_list(self):
        (self.contacts[0] | self.contacts[2]).list_ids = self.list
        segment = self._create({"subject": "domain", "operator": "is", "value": "lyon.test"})
        campaign = self._create_campaign(segment_ids=segment.ids)
        campaign._send()
        self._run_chunks(campaign)
        self.assertEqual(self._states(campaign), {"a@lyon.test": "sent"})

    def test_no_value_is_part_of_a_statement(self):
        kinds = itertools.product([name for name, _label in SUBJECTS], [name for name, _label in OPERATORS])
        rules = [Rule(subject, operator, "k", "v", 5) for subject, operator in kinds]
        usable = [rule for rule in rules if find_problem(rule) in (None, "order", "consent")]
        self.assertEqual(len(usable), 6 * 7 + 5 * 2)
        for rule in usable:
            statements = {compile_rules([rule._replace(key=text, value=text)], True)[0] for text in HOSTILE}
            self.assertEqual(len(statements), 1)
            for text in HOSTILE:
                condition, values = compile_rules([rule._replace(key=text, value=text)], True)
                self.env.cr.execute(f"SELECT count(*) FROM engine_contact c WHERE {condition}", values)

    def test_rules_that_cannot_be_meant_are_refused(self):
        for rule in (
            {"subject": "created", "operator": "is", "value": "1"},
            {"subject": "email", "operator": "within", "days": 3},
            {"subject": "attribute", "operator": "is", "value": "x"},
            {"subject": "email", "operator": "is"},
            {"subject": "attribute", "key": "spent", "operator": "above", "value": "many"},
            {"subject": "attribute", "key": "born", "operator": "below", "value": "01/03/2026"},
            {"subject": "consent", "operator": "is", "value": "donné"},
            {"subject": "opened", "operator": "within", "days": 0},
        ):
            with self.subTest(rule=rule), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self._create(rule)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self._create()

    def test_a_rule_reads_as_a_sentence(self):
        city = {"subject": "attribute", "key": "city", "operator": "is", "value": "Lyon"}
        with Form(self._create(city)) as form:
            with form.rule_ids.new() as rule:
                rule.subject = "consent"
                rule.consent = "given"
            with form.rule_ids.new() as rule:
                rule.subject, rule.operator, rule.days = "opened", "within", 14
        said = form.record.rule_ids.mapped("display_name")
        self.assertEqual(said, ["city is Lyon", "Consent is Given", "Opened a mail within the last days (14)"])
        self.assertEqual(form.record.rule_ids[1].value, "given")

    def test_a_campaign_takes_no_segment_of_another_tenant(self):
        foreign = self._create(
            {"subject": "email", "operator": "is", "value": "x"}, tenant_id=self.tenant_b.id, name="Foreign"
        )
        with self.assertRaises(ValidationError):
            self._create_campaign(segment_ids=foreign.ids)

    def test_a_user_describes_and_counts(self):
        user = new_test_user(self.env, "engine-user", "email_engine_bridge.group_email_engine_bridge_user")
        segments = self.env["engine.segment"].with_user(user)
        rule = {"subject": "domain", "operator": "is", "value": "lyon.test"}
        values = {"name": "U", "tenant_id": self.tenant_a.id, "rule_ids": [Command.create(rule)]}
        segment = segments.create(values)
        self.assertEqual(segment.contact_count, 2)
        segment.rule_ids.value = "paris.test"
        self.assertEqual((segment.contact_count, segment.reachable_count), (2, 1))


@tagged("post_install", "-at_install")
class TestSegmentsApi(CampaignHttpCase):
    def _call(self, path, body=None, status=200, **options):
        response = self.api(path, data=body and json.dumps(body), **options)
        self.assertEqual(response.status_code, status, response.text)
        return response.json() if response.content else None

    def test_journey(self):
        self._add_contacts(["a@lyon.test", "b@paris.test"])
        tenant = self.tenant_a.id
        body = {"tenant_id": tenant, "name": "Lyon", "rules": [{"subject": "domain", "operator": "is"}]}
        self._call("/segments", body, status=422)
        body["rules"][0]["value"] = "lyon.test"
        segment = self._call("/segments", body, status=201)
        self.assertEqual((segment["contacts"], segment["reachable"]), (1, 1))
        self._call("/segments", body, status=409)
        self._call("/segments", {**body, "tenant_id": self.tenant_b.id}, status=404)
        path = f"/segments/{tenant}/{segment['id']}"
        self._call(path, status=404, token=self.token_b)
        self.assertEqual(self._call(f"/segments/{tenant}")["total"], 1)
        campaign = {"tenant_id": tenant, "name": "C", "template_id": self.template.id, "segments": ["Lyon"]}
        created = self._call("/campaigns", campaign, status=201)
        sent = self._call(f"/campaigns/{tenant}/{created['id']}/send", method="POST")
        self.assertEqual(sent["total_recipients"], 1)
        self._call(path, status=204, method="DELETE")
        self._call("/campaigns", campaign, status=422)
