{
    "name": "Lokario Billing: Inbox",
    "version": "19.0.1.0.0",
    "summary": "Answers to quotes, invoices and reminders; bounces; follow-ups of conversations",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_billing", "lokario_inbox"],
    "data": [
        "views/followup_views.xml",
        "views/inbox_conversation_views.xml",
    ],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "installable": True,
}
