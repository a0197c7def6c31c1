-- A copy of the manager is another manager: it owns no database, serves no instance, queues nothing.
UPDATE ir_config_parameter
   SET value = gen_random_uuid()::text
 WHERE key = 'saas.manager_uuid';
DELETE FROM lokario_gate_route;
UPDATE saas_server
   SET state = 'maintenance'
 WHERE state = 'active';
UPDATE queue_job
   SET state = 'cancelled'
 WHERE state NOT IN ('done', 'cancelled', 'failed')
   AND model_name IN ('saas.instance', 'saas.template', 'saas.instance.mail');
UPDATE saas_instance_mail
   SET state = 'skipped', reason = 'This database is a copy of the manager.'
 WHERE state IN ('queued', 'sending');
-- It logs in nowhere, and holds nobody's password.
UPDATE saas_server SET db_password = NULL;
UPDATE saas_instance SET pending_password = NULL, tenant_password = NULL;
-- The relays of the plans would let a copy send in the name of the original.
UPDATE saas_plan
   SET relay_host = NULL, relay_user = NULL, relay_password = NULL;
