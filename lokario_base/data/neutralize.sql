-- A copy is no global sender: Odoo's own neutralization has put a dummy server in place of the real ones.
UPDATE ir_mail_server SET is_global = false WHERE is_global;
