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
    pg_catalog.pg_stat_replication, pg_catalog.pg_prepared_xacts, pg_catalog.pg_replication_slots
    FROM PUBLIC;
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
  FROM pg_proc
 WHERE pronamespace = 'pg_catalog'::regnamespace
   AND (proname IN ('has_database_privilege', 'pg_database_size', 'pg_stat_get_activity', 'pg_lock_status',
                    'pg_stat_get_backend_dbid', 'pg_stat_get_backend_userid', 'pg_stat_get_backend_activity',
                    'pg_stat_get_backend_idset', 'pg_prepared_xact')
        OR proname LIKE 'pg\_stat\_get\_db\_%') \gexec
GRANT SELECT ON pg_catalog.pg_database, pg_catalog.pg_roles, pg_catalog.pg_stat_activity TO :"manager";
