{
    "name": "SaaS Manager: Unpaid Invoices",
    "version": "19.0.1.0.0",
    "summary": "Reminders of invoices that a client of an instance has not paid",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["saas_notification", "account"],
    "auto_install": True,
    "installable": True,
}
