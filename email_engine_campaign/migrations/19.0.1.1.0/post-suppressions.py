def migrate(cr, _version):
    """Say where suppressions of earlier releases came from, by their reasons."""
    cr.execute(
        """UPDATE engine_suppression
              SET source = CASE reason WHEN 'unsubscribe' THEN 'page' WHEN 'manual' THEN 'screen' ELSE 'powermta' END"""
    )
