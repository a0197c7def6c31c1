{
    "name": "Lokario Billing: Projects",
    "version": "19.0.1.0.0",
    "summary": "Follow-ups of project tasks",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_billing", "project"],
    "data": [
        "views/followup_views.xml",
        "views/project_task_views.xml",
    ],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "installable": True,
}
