{
    "name": "Lokario Contact Form",
    "version": "19.0.1.0.0",
    "summary": "A public contact form whose messages reach the company by system mail",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_base", "portal"],
    "data": [
        "views/contact_templates.xml",
        "views/res_config_settings_views.xml",
    ],
    "pre_init_hook": "pre_init_hook",
    "post_init_hook": "post_init_hook",
    "installable": True,
}
