-- Closes the catalogues of the database it is run in that name other databases, roles and sessions. Included by
-- postgresql.sql for what new instances are made from. For an instance that was made before, a superuser runs it once
-- before the instance gets a process and role of its own (`./lokario isolate`):
--
--   psql -v ON_ERROR_STOP=1 -v manager=odoo -d t-martin -f deploy/postgresql_catalogues.sql
--
-- These rights are each database's own, and only a superuser can take them away.
REVOKE SELECT ON pg_catalog.pg_database, pg_catalog.pg_shdescription, pg_catalog.pg_shdepend, pg_catalog.pg_shseclabel,
    pg_catalog.pg_auth_members, pg_catalog.pg_db_role_setting, pg_catalog.pg_roles, pg_catalog.pg_user,
    pg_catalog.pg_group, pg_catalog.pg_tablespace, pg_catalog.pg_stat_activity, pg_catalog.pg_stat_database,
    pg_catalog.pg_stat_database_conflicts, pg_catalog.pg_stat_ssl, pg_catalog.pg_stat_gssapi, pg_catalog.pg_locks,
    pg_catalog.pg_stat_replication, pg_catalog.pg_prepared_xacts, pg_catalog.pg_replication_slots,
    pg_catalog.pg_replication_origin, pg_catalog.pg_subscription, pg_catalog.pg_stat_subscription
    FROM PUBLIC;
REVOKE SELECT (oid, subdbid, subskiplsn, subname, subowner, subenabled, subbinary, substream, subtwophasestate,
    subdisableonerr, subpasswordrequired, subrunasowner, subslotname, subsynccommit, subpublications, suborigin)
    ON pg_catalog.pg_subscription FROM PUBLIC;
SELECT format('REVOKE SELECT ON pg_catalog.%I FROM PUBLIC', relname)
  FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname LIKE 'pg\_stat\_progress\_%' \gexec
-- What describes an object by its number, or says how large or busy a database is, needs no right to the tables above.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
  FROM pg_proc
 WHERE pronamespace = 'pg_catalog'::regnamespace
   AND (proname IN ('has_database_privilege', 'pg_database_size', 'pg_stat_get_activity', 'pg_lock_status',
                    'pg_prepared_xact', 'pg_describe_object', 'pg_identify_object', 'pg_identify_object_as_address',
                    'pg_get_object_address', 'pg_get_acl', 'pg_tablespace_databases', 'pg_tablespace_size',
                    'pg_stat_get_progress_info', 'pg_stat_get_subscription', 'pg_database_collation_actual_version')
        OR proname LIKE 'pg\_stat\_get\_db\_%' OR proname LIKE 'pg\_stat\_get\_backend\_%') \gexec
-- All databases share one table of locks. Who may lock any number he thinks of fills it in a moment, and from then on nobody
-- writes or enters anywhere. Odoo needs none of these; addons that do are known to the manager (postgres_admin.py).
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %1$s TO lokario_lockers',
              oid::regprocedure)
  FROM pg_proc
 WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_(xact_)?lock' \gexec
GRANT SELECT ON pg_catalog.pg_database, pg_catalog.pg_roles, pg_catalog.pg_stat_activity TO :"manager";
