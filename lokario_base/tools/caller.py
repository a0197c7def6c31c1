"""What comes from the person behind a call, and must not steer what the program does for him as superuser."""

from odoo.tools import clean_context


def without_callers_defaults(records):
    """Return the records (or the model) without the ``default_…`` values of the context.

    Whoever calls a method by RPC chooses its context. What the method makes through ``sudo()`` would take each field it
    does not name from there: recipients and attachments of a mail, the company of a record.
    """
    if records.env.user._is_superuser():  # jobs, installation, tests: no caller
        return records
    return records.with_context(clean_context(records.env.context))
