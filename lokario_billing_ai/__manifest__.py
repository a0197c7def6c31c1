{
    "name": "Lokario Billing: AI",
    "version": "19.0.2.0.0",
    "summary": "Documents of customers in AI answers, reminders written by the model",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_billing", "lokario_inbox_ai"],
    "data": [
        "views/followup_draft_views.xml",
    ],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "installable": True,
}
