"""A quote leaves from the company's mailbox with its PDF; a late invoice is reminded once."""

import email
import email.policy
import json
import time
from datetime import date, timedelta
from urllib.parse import urlencode

from lokario_cli.console import Failure
from lokario_testing.environments.clock import zone_at_noon

from .inbox import MAILBOX
from .stage import demo_keys

CUSTOMER = {"name": "Hôtel du Port", "email": "direction@hotel-du-port.test", "is_company": True, "lang": "fr_FR"}
INVOICE = "demo-late"
ALWAYS_OPEN = {"followup_opens": 0.0, "followup_closes": 23.999, "followup_days": "all", "followup_holidays": False}


def send_quotation(stage) -> None:
    """The dialog “Send” of a quote; what counts is what the provider's SMTP server received."""
    client = stage.client
    stage.mail.add_user(CUSTOMER["email"], "demo-customer")
    client.call("res.company", "write", [1], {"email": MAILBOX})
    line = {"product_id": _product(client), "name": "Lampe en laiton", "product_uom_qty": 12, "price_unit": 145}
    order = client.create("sale.order", {"partner_id": _customer(client), "order_line": [[0, 0, line]]})
    context = client.call("sale.order", "action_quotation_send", [order])["context"]
    composer = client.call("mail.compose.message", "create", [{}], context=context)[0]
    client.call("mail.compose.message", "action_send_mail", [composer], context=context)
    delivery = _sent(stage, [["res_model", "=", "sale.order"], ["res_id", "=", order]])
    mail = _received(stage, delivery["message_id"])
    attached = [part.get_filename() for part in mail.iter_attachments()]
    if MAILBOX not in mail["From"] or not any(name.endswith(".pdf") for name in attached):
        raise Failure(f"The quote left from {mail['From']} with {attached}.")
    what = f"Quote sent from {MAILBOX} with {attached[0]}: “{delivery['server_answer']}”"
    stage.tell(what, f"{stage.home}/odoo/sales/{order}")


def remind(stage) -> None:
    """Two runs of the documented endpoint over a late invoice: one reminder."""
    client = stage.client
    client.call("res.partner", "write", [_customer(client)], {"tz": zone_at_noon()})  # nobody is reminded at night
    move = _late_invoice(client)
    approved = {"followup_enabled": True, "followup_approved_at": f"{date.today()} 00:00:00"}
    client.call("res.company", "write", [1], {**approved, **ALWAYS_OPEN})
    secret = urlencode({"secret": demo_keys()["CRON_SECRET"]})
    for _run in range(2):
        status, body = stage.client.open(f"/followups/process-automatic?{secret}")
        answer = json.loads(body)
        if status != 200 or not answer["success"]:
            raise Failure(f"The follow-ups answered {status}: {answer['message']}")
    steps = client.call(
        "lokario.followup.step", "search_read", [["followup_id.move_id", "=", move]], ["state", "sequence"]
    )
    # on an earlier demo's database the customer has written since: the mails of the inbox arrive in every demo
    levels = {step["sequence"] for step in steps if step["state"] in ("sent", "read", "answered")}
    if not levels or len(levels) < len(steps):
        raise Failure(f"The invoice should have been reminded once at each level: {steps}")
    stage.tell(f"One reminder for the late invoice. “{answer['message']}”", f"{stage.home}/odoo/followups")


def _customer(client) -> int:
    return client.find("res.partner", [["email", "=", CUSTOMER["email"]]]) or client.create("res.partner", CUSTOMER)


def _product(client) -> int:
    values = {"name": "Lampe en laiton", "list_price": 145, "taxes_id": [[5]]}
    return client.find("product.product", [["name", "=", values["name"]]]) or client.create("product.product", values)


def _late_invoice(client) -> int:
    """The invoice of an earlier demo on this database, else a new one."""
    if known := client.find("account.move", [["ref", "=", INVOICE]]):
        return known
    due = date.today() - timedelta(days=9)
    values = {
        "move_type": "out_invoice",
        "ref": INVOICE,
        "partner_id": _customer(client),
        "invoice_date": str(due - timedelta(days=30)),
        "invoice_date_due": str(due),
        "invoice_payment_term_id": False,
        "invoice_line_ids": [[0, 0, {"name": "Pose", "quantity": 1, "price_unit": 480, "tax_ids": [[5]]}]],
    }
    move = client.create("account.move", values)
    client.call("account.move", "action_post", [move])
    client.call("account.move", "write", [move], {"is_move_sent": True})
    return move


def _sent(stage, domain, timeout: float = 60) -> dict:
    """The delivery of a document's mail, once the server has said 250."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = stage.client.find("lokario.delivery", domain)
        row = found and stage.client.read("lokario.delivery", found, "state", "cause", "message_id", "server_answer")
        if row and row["state"] == "sent":
            return row
        time.sleep(0.1)
    raise Failure(f"The mail was not delivered: {row and row['cause']}")


def _received(stage, message_id: str):
    for _sender, _recipients, raw, _login in stage.provider.received:
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        if mail["Message-ID"].strip() == message_id:
            return mail
    raise Failure(f"The provider did not receive {message_id}.")
