def migrate(cr, _version):
    """Messages of earlier releases are called by their written subject, in which variables stand."""
    cr.execute("UPDATE engine_message SET title = subject WHERE title IS NULL")
