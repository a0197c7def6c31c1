{
    "name": "Walker of the attack suite",
    "summary": "Looks, from inside an instance's process, for what is not the instance's",
    "author": "Lokario",
    "version": "19.0.1.0.0",
    "license": "LGPL-3",
    "depends": ["web"],
    "installable": True,
}
