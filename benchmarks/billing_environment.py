"""What the benchmarks and chaos of lokario_billing share: companies with mailboxes, ledgers made in bulk."""

from datetime import date, timedelta

from .inbox_environment import PASSWORD

CUSTOMER = "customer@client.example"
SENDER = "contact@alpha.example"


def add_mailbox(env, address, imap_port, smtp_port, company, **values):
    """The primary mailbox of a company, on loopback, without TLS."""
    return (
        env["inbox.integration"]
        .with_context(tracking_disable=True)
        .create(
            {
                "name": address,
                "email_address": address,
                "email_password": PASSWORD,
                "company_id": company.id,
                "visibility": "shared",
                "is_primary": True,
                "imap_host": "127.0.0.1",
                "imap_port": imap_port,
                "imap_security": "none",
                "smtp_host": "127.0.0.1",
                "smtp_port": smtp_port,
                "smtp_security": "none",
                **values,
            }
        )
    )


def add_company(env, name, **values):
    company = env["res.company"].create({"name": name, "email": f"contact@{name}.example", **values})
    env.user.company_ids |= company
    return company


def queue_mails(env, company, count, subject="Invoice"):
    """Return `count` queued business mails on quotes of a company; each goes to one customer."""
    env = env(context=dict(env.context, allowed_company_ids=company.ids, tracking_disable=True))
    partner = env["res.partner"].search([("email", "=", CUSTOMER)], limit=1) or env["res.partner"].create(
        {"name": "Customer", "email": CUSTOMER}
    )
    orders = env["sale.order"].create([{"partner_id": partner.id, "company_id": company.id} for _each in range(count)])
    return env["mail.mail"].create(
        [
            {
                "subject": f"{subject} {order.id}",
                "body_html": "<p>Bonjour</p>",
                "email_to": CUSTOMER,
                "model": "sale.order",
                "res_id": order.id,
                "auto_delete": False,
            }
            for order in orders
        ]
    )


def prepare_followups(environment, smtp, invoices, customers):
    """The main company with overdue invoices, automatic follow-ups and a mailbox; returns the follow-up ids."""
    smtp.users[SENDER] = PASSWORD
    environment.allow(environment.mail.imap_port, smtp.port)
    with environment.env() as env:
        env.company.write(
            {
                "email": SENDER,
                "followup_enabled": True,
                "followup_days": "all",
                "followup_holidays": False,
                "followup_opens": 0,
                "followup_closes": 23.999,
                "followup_approved_at": "2026-01-01",
                "country_id": env.ref("base.fr").id,
            }
        )
        make_ledger(env, invoices, customers)
        box = add_mailbox(env, SENDER, environment.mail.imap_port, smtp.port, env.company)
        box.sent_mail_seen_at = "2026-01-01"
        env["lokario.followup.run"]._create_missing(env.company)
        return env["lokario.followup"].search([]).ids


def make_ledger(env, invoices, customers, days_late=(8, 13)):
    """Fill the main company's ledger with overdue invoices: one posted by Odoo, the others copied row by row in SQL."""
    company = env.company
    env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
    partners = (
        env["res.partner"]
        .with_context(tracking_disable=True)
        .create(
            [
                {
                    "name": f"Client {number}",
                    "email": f"client{number}@example.org",
                    "is_company": True,
                    "lang": "fr_FR",
                }
                for number in range(customers)
            ]
        )
    )
    move = _first_invoice(env, company, partners[0])
    env.flush_all()
    first_due = date.today() - timedelta(days=days_late[1])
    span = days_late[1] - days_late[0] + 1
    moves = _copy_rows(
        env,
        "account_move",
        f"id = {move.id}",
        invoices - 1,
        {
            "name": f"'{move.name}-' || copy.number",
            "sequence_number": f"{move.sequence_number} + copy.number",
            "partner_id": "copy.partner",
            "commercial_partner_id": "copy.partner",
            "partner_shipping_id": "copy.partner",
            "access_token": "NULL",
            "invoice_date_due": f"DATE '{first_due}' + mod(copy.number, {span})",
        },
        partners.ids,
    )
    _copy_lines(env, move, moves)
    env.cr.commit()
    env.invalidate_all()
    return partners, env["account.move"].browse([move.id, *moves])


def _first_invoice(env, company, partner):
    due = date.today() - timedelta(days=8)
    move = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": partner.id,
            "invoice_date": due - timedelta(days=30),
            "invoice_date_due": due,
            "invoice_payment_term_id": False,
            "invoice_line_ids": [(0, 0, {"name": "Travail", "quantity": 1, "price_unit": 120, "tax_ids": [(5,)]})],
        }
    )
    move.action_post()
    move.is_move_sent = True
    return move


def _columns(env, table):
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name != 'id'", [table]
    )
    return [name for (name,) in env.cr.fetchall()]


def _copy_rows(env, table, where, count, changes, partner_ids):
    columns = _columns(env, table)
    values = ", ".join(changes.get(name, f"original.{name}") for name in columns)
    env.cr.execute(
        f"""INSERT INTO {table} ({", ".join(columns)})
            SELECT {values} FROM {table} original,
                   (SELECT number, (%s::int[])[1 + number %% %s] AS partner FROM generate_series(1, %s) number) copy
             WHERE original.{where} ORDER BY copy.number RETURNING id""",
        [partner_ids, len(partner_ids), count],
    )
    return [row_id for (row_id,) in env.cr.fetchall()]


def _copy_lines(env, move, move_ids):
    columns = _columns(env, "account_move_line")
    changes = {
        "move_id": "target.id",
        "move_name": "target.name",
        "partner_id": "target.partner_id",
        "date_maturity": "CASE WHEN original.display_type = 'payment_term' THEN target.invoice_date_due END",
    }
    values = ", ".join(changes.get(name, f"original.{name}") for name in columns)
    env.cr.execute(
        f"""INSERT INTO account_move_line ({", ".join(columns)})
            SELECT {values} FROM account_move_line original, account_move target
             WHERE original.move_id = %s AND target.id = ANY(%s)""",
        [move.id, move_ids],
    )
