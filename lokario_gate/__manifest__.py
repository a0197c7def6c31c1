{
    "name": "Lokario Gate",
    "version": "19.0.1.0.0",
    "summary": "Server-wide: maps a host to its database, answers for suspended and unknown hosts",
    "author": "Lokario",
    "website": "https://www.lokario.fr",
    "license": "LGPL-3",
    "category": "Hidden",
    "depends": ["web"],
    "installable": False,
    "post_load": "post_load",
}
