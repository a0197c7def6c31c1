def migrate(cr, _version):
    """Imports are kept now, the wizard's rows were not meant to be; indexes of suppressions are made anew."""
    cr.execute("DELETE FROM engine_contact_import")
    cr.execute("DROP INDEX IF EXISTS engine_suppression_email_uniq")
