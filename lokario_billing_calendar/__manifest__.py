{
    "name": "Lokario Billing: Appointments",
    "version": "19.0.1.0.0",
    "summary": "Follow-ups of appointments",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Lokario",
    "depends": ["lokario_billing", "calendar"],
    "data": [
        "views/followup_views.xml",
        "views/calendar_event_views.xml",
    ],
    "auto_install": True,
    "pre_init_hook": "pre_init_hook",
    "installable": True,
}
