"""Billing beside Odoo's electronic invoicing and beside other follow-up modules.

account_peppol needs a library that the suite has no use for, OCA's module comes from PyPI, Odoo's own is not free: what
billing reads of them stands here in an addon of its own.
"""

import contextlib

import pytest

from benchmarks.billing_environment import make_ledger
from lokario_cli.paths import ROOT
from lokario_testing.environments.databases import Databases
from lokario_testing.environments.loaded import LoadedOdoo

MANIFEST = '{"name": "Neighbours", "depends": ["account"], "license": "LGPL-3", "author": "Test", "data": ["%s"]}'
ACCESS = "ir.model.access.csv"
RIGHTS = """id,name,model_id:id,group_id:id,perm_read,perm_write,perm_create,perm_unlink
access_credit_control_line,credit.control.line user,model_credit_control_line,base.group_user,1,0,0,0
"""
FIELDS = """from odoo import fields, models

class AccountMove(models.Model):
    _inherit = "account.move"

    peppol_message_uuid = fields.Char()
    peppol_move_state = fields.Selection([("processing", "Sent"), ("done", "Done"), ("error", "Error")], copy=False)

class CreditControlLine(models.Model):
    _name = "credit.control.line"
    _description = "OCA's account_credit_control"

    invoice_id = fields.Many2one("account.move")
    state = fields.Char()

class ResPartner(models.Model):
    _inherit = "res.partner"

    followup_reminder_type = fields.Selection([("automatic", "Automatic"), ("manual", "Manual")])
"""


@pytest.fixture(scope="module")
def loaded(environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("addons")
    addon = folder / "neighbours"
    addon.mkdir()
    (addon / "__manifest__.py").write_text(MANIFEST % ACCESS)
    (addon / ACCESS).write_text(RIGHTS)
    (addon / "__init__.py").write_text(FIELDS)

    class Neighbourhood(Databases):
        def options(self, **more):
            return super().options(addons_path=f"{ROOT},{folder}", **more)

    neighbours = Neighbourhood(environment.cluster)
    database = neighbours.clone(neighbours.template(), "billing_neighbours")
    try:
        neighbours.run_odoo(database, "-i", "lokario_billing,neighbours", "--stop-after-init")
        with contextlib.closing(LoadedOdoo(neighbours, database)) as odoo:
            yield odoo
    finally:
        neighbours.drop(database)


@pytest.fixture(scope="module")
def ledger(loaded):
    with loaded.env() as env:
        partners, moves = make_ledger(env, 3, 2)
        return partners.ids, moves.ids


def test_an_electronic_invoice_counts_as_delivered(loaded, ledger):
    """What the network says about an invoice is the word of its delivery."""
    with loaded.env() as env:
        accepted, refused = env["account.move"].browse(ledger[1][:2])
        accepted.write({"peppol_message_uuid": "uuid-1", "peppol_move_state": "processing"})
        assert not env["lokario.delivery"].search([])
        accepted.peppol_move_state = "done"
        refused.peppol_move_state = "error"
        deliveries = env["lokario.delivery"].search([], order="id")
        assert deliveries.mapped("route") == ["network", "network"]
        assert deliveries.mapped("state") == ["sent", "failed"]
        assert deliveries[0].message_id == "uuid-1" and deliveries[0].sent_at
        assert not accepted.delivery_problem and refused.delivery_problem
        deliveries.action_try_again()
        assert deliveries.mapped("state") == ["sent", "failed"]


def test_what_another_module_reminds_is_left_to_it(loaded, ledger):
    with loaded.env() as env:
        partners, moves = env["res.partner"].browse(ledger[0]), env["account.move"].browse(ledger[1])
        env.company.write({"followup_enabled": True, "followup_approved_at": "2026-01-01"})
        env["credit.control.line"].create({"invoice_id": moves[0].id, "state": "draft"})
        partners[1].followup_reminder_type = "automatic"
        env["lokario.followup.run"]._create_missing(env.company)
        moves.followup_ids._plan_and_store()
        theirs, by_partner, ours = moves
        assert by_partner.partner_id == partners[1] and ours.partner_id == partners[0]
        assert {theirs.followup_ids.why, by_partner.followup_ids.why} == {"other_followup"}
        assert ours.followup_ids.why != "other_followup"
