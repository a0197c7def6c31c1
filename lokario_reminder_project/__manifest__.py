{
    "name": "Lokario Reminders: Tasks",
    "version": "19.0.1.0.0",
    "summary": "Late and critical tasks among what people are notified of",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_reminder", "project"],
    "data": [
        "views/res_config_settings_views.xml",
    ],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "uninstall_hook": "uninstall_hook",
    "installable": True,
}
