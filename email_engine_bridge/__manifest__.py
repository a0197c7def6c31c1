{
    "name": "Email Engine",
    "version": "19.0.1.0.0",
    "summary": "Multi-tenant e-mail engine around PowerMTA and MailWizz",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_base", "queue_job", "fastapi"],
    "data": [
        "security/email_engine_bridge_groups.xml",
    ],
    "installable": True,
}
