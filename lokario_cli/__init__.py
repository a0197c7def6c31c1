"""The command behind `./lokario`.

``setup/``  brings what is missing (Odoo, PostgreSQL, Python packages) into the user's cache: standard library only.
``verbs/``  one module per verb: ``HELP``, ``NEEDS``, optional ``configure(parser)``, and ``run(args) -> int``;
            at its top it imports the standard library alone, the rest inside its functions.
``environments/`` real servers on loopback (Odoo, Dovecot, SMTP, stand-ins) for the demo, the tests and the benchmarks.
"""
