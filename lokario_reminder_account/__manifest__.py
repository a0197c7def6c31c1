{
    "name": "Lokario Reminders: Invoices",
    "version": "19.0.1.0.0",
    "summary": "Overdue customer invoices among what people are notified of",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_reminder", "account"],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "installable": True,
}
