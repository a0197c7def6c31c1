-- The role as which one more instance host (`host_name` in its odoo.conf) reads what the manager wants: it sees the table of
-- routes, where the passwords of instances' roles are sealed, and may do nothing else. As a superuser, once for each host, in
-- the manager's database:
--
--   psql -v ON_ERROR_STOP=1 -v role=lokario_host_b -v password=… -d lokario -f deploy/postgresql_host.sql
--
-- pg_hba.conf lets the group +lokario_hosts in by password, as postgresql.sql says.
SELECT format('CREATE ROLE %I', :'role') WHERE to_regrole(:'role') IS NULL \gexec
ALTER ROLE :"role" LOGIN NOINHERIT CONNECTION LIMIT 4 PASSWORD :'password';
GRANT lokario_hosts TO :"role";
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
GRANT SELECT (id, host, database, state, tenant_role, tenant_secret, tenant_uid, idle_minutes, modules, limits, runs_on)
    ON lokario_gate_route TO :"role";
