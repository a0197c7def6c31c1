{
    "name": "Email Engine: Visual editor",
    "version": "19.0.1.0.0",
    "summary": "Templates of the e-mail engine in Odoo's mailing editor",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["email_engine_campaign", "mass_mailing"],
    "data": ["views/engine_template_views.xml"],
    "auto_install": True,
    "installable": True,
}
