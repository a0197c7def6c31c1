"""Why an address must not be written to: the one definition, as SQL."""


def concerns(person):
    """SQL: whether the suppression `s` is one of `person`, the alias of a row with email, tenant_id and company_id.

    Its last day ends where the tenant is.
    """
    return f"""s.email = {person}.email AND s.lifted_at IS NULL AND (s.until IS NULL OR s.until >= (
                  SELECT (now() AT TIME ZONE zone.tz)::date FROM engine_tenant zone WHERE zone.id = {person}.tenant_id))
              AND (s.tenant_id = {person}.tenant_id OR
                  (s.tenant_id IS NULL AND coalesce(s.company_id, {person}.company_id) = {person}.company_id))"""  # noqa: S608 names of aliases


def refusal_of(person, contact):
    """SQL query: why `person` (see `concerns`) must not be written to, at most one row (state, reason).

    This is the one definition of "may be written to", for journals, chunks and MailWizz: the address is valid, it is
    not suppressed, the `contact` did not withdraw its consent. `state` is that of a campaign's recipient.
    """
    return f"""
        SELECT 'invalid' AS state, 'invalid' AS reason WHERE {contact}.flag = 'invalid'
         UNION ALL
        SELECT 'suppressed', s.reason FROM engine_suppression s WHERE {concerns(person)}
         UNION ALL
        SELECT 'suppressed', 'withdrawn' WHERE {contact}.consent = 'withdrawn'
         LIMIT 1"""  # noqa: S608 names of aliases
