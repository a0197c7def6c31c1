{
    "name": "SaaS Manager",
    "version": "19.0.1.0.0",
    "summary": "Sells and runs Odoo instances",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_base", "queue_job"],
    "data": [
        "security/saas_manager_groups.xml",
    ],
    "installable": True,
}
