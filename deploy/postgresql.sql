-- What a superuser does once on the PostgreSQL (16 or newer) that clients' instances live on; the embedded default runs
-- it at each start. As a superuser, with the role of the manager's Odoo:
--
--   psql -v ON_ERROR_STOP=1 -v manager=odoo -d postgres -f deploy/postgresql.sql
--
-- and in pg_hba.conf, before any line that lets more in:
--
--   local  all  +lokario_tenants,+lokario_hosts                scram-sha-256
--   host   all  +lokario_tenants,+lokario_hosts  127.0.0.1/32  scram-sha-256

-- The manager makes databases and roles, and ends sessions; it is no superuser. Should clients take all connections, some
-- are left for it (from the next start of PostgreSQL on).
ALTER ROLE :"manager" CREATEDB CREATEROLE;
GRANT pg_signal_backend, pg_read_all_stats, pg_use_reserved_connections TO :"manager";
ALTER SYSTEM SET reserved_connections = 20;

-- No query fills the disk with temporary files: this a client cannot change for himself.
ALTER SYSTEM SET temp_file_limit = '4GB';
-- Nor does it fill the table of locks that all databases share before the host's watcher ends it.
ALTER SYSTEM SET max_locks_per_transaction = 256;
SELECT pg_reload_conf() \g /dev/null

-- The group of all instances' roles: pg_hba.conf knows them by it. Its own rights are none.
SELECT 'CREATE ROLE lokario_tenants NOLOGIN' WHERE to_regrole('lokario_tenants') IS NULL \gexec
GRANT lokario_tenants TO :"manager" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- Those of them whose addons need advisory locks, which postgresql_catalogues.sql takes away from all others.
SELECT 'CREATE ROLE lokario_lockers NOLOGIN' WHERE to_regrole('lokario_lockers') IS NULL \gexec
GRANT lokario_lockers TO :"manager" WITH ADMIN TRUE, INHERIT TRUE, SET FALSE;

-- The group of the roles of instance hosts besides the manager's (postgresql_host.sql).
SELECT 'CREATE ROLE lokario_hosts NOLOGIN' WHERE to_regrole('lokario_hosts') IS NULL \gexec

-- Nobody enters a database that was not opened to him.
REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE postgres, template1 TO :"manager";
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE %1$I TO %I',
              datname, :'manager')
  FROM pg_database WHERE datdba = to_regrole(:'manager') \gexec

-- What templates, and thus instances, are made from: in it the catalogues that name others are closed.
SELECT 'CREATE DATABASE lokario_seed TEMPLATE template0 ENCODING ''unicode'' LC_COLLATE ''C'''
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'lokario_seed') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE lokario_seed FROM PUBLIC;
ALTER DATABASE lokario_seed ALLOW_CONNECTIONS true;
\connect lokario_seed
\ir postgresql_catalogues.sql
\connect postgres
ALTER DATABASE lokario_seed WITH IS_TEMPLATE true ALLOW_CONNECTIONS false;
