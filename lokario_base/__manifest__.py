{
    "name": "Lokario",
    "version": "19.0.1.0.0",
    "summary": "Secrets, scheduled endpoints, system mail, contact form, account deletion",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "external_dependencies": {"python": ["cryptography"]},
    "depends": ["mail", "portal", "auth_signup"],
    "data": [
        "security/lokario_base_groups.xml",
        "security/ir.model.access.csv",
    ],
    "installable": True,
}
