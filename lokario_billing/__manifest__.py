{
    "name": "Lokario Billing",
    "version": "19.0.1.0.0",
    "summary": "Business mail from the company mailbox, follow-ups, reminders",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_inbox", "sale_management", "account", "project", "calendar"],
    "data": [
        "security/lokario_billing_groups.xml",
    ],
    "installable": True,
}
