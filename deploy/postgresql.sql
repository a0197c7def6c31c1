-- What a superuser does once on the PostgreSQL (16 or newer) that clients' instances live on; the embedded default runs
-- it at each start. As a superuser, with the role of the manager's Odoo:
--
--   psql -v ON_ERROR_STOP=1 -v manager=odoo -d postgres -f deploy/postgresql.sql
--
-- and in pg_hba.conf, before any line that lets more in:
--
--   local  all  +lokario_tenants                scram-sha-256
--   host   all  +lokario_tenants  127.0.0.1/32  scram-sha-256

-- The manager makes databases and roles, and ends sessions; it is no superuser.
ALTER ROLE :"manager" CREATEDB CREATEROLE;
GRANT pg_signal_backend, pg_read_all_stats TO :"manager";

-- The group of all instances' roles: pg_hba.conf knows them by it. Its own rights are none.
SELECT 'CREATE ROLE lokario_tenants NOLOGIN' WHERE to_regrole('lokario_tenants') IS NULL \gexec
GRANT lokario_tenants TO :"manager" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- Nobody enters a database that was not opened to him.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE postgres, template1 TO :"manager";
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE %1$I TO %I',
              datname, :'manager')
  FROM pg_database WHERE datdba = to_regrole(:'manager') \gexec

-- What templates, and thus instances, are made from: in it the catalogues that name others are closed. These rights are
-- each database's own, and only a superuser can take them away.
SELECT 'CREATE DATABASE lokario_seed TEMPLATE template0 ENCODING ''unicode'' LC_COLLATE ''C'''
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'lokario_seed') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE lokario_seed FROM PUBLIC;
ALTER DATABASE lokario_seed ALLOW_CONNECTIONS true;
\connect lokario_seed
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
\connect postgres
ALTER DATABASE lokario_seed WITH IS_TEMPLATE true ALLOW_CONNECTIONS false;
