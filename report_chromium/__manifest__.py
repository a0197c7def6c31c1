{
    "name": "PDF by Chromium",
    "version": "19.0.1.0.0",
    "summary": "Reports as PDF by headless Chromium where the patched wkhtmltopdf is missing",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Technical",
    "depends": ["web"],
    "external_dependencies": {"python": ["lxml", "reportlab"]},
    "installable": True,
}
