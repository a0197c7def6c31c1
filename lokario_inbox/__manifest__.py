{
    "name": "Lokario Inbox",
    "version": "19.0.1.0.0",
    "summary": "Company mailboxes, synchronised and answered",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_base"],
    "data": [
        "security/lokario_inbox_groups.xml",
    ],
    "installable": True,
}
