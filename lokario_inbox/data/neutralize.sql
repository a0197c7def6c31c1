-- A copy of a database synchronises no mailbox, and no model is asked.
UPDATE inbox_integrations SET lease_token = NULL;
UPDATE inbox_ai_provider SET api_key = NULL, active = FALSE;
UPDATE inbox_ai_decision SET state = 'done', outcome = 'skipped', reason = 'stopped' WHERE state != 'done';
UPDATE res_company SET inbox_ai_stopped = TRUE;
UPDATE inbox_outgoing SET state = 'cancelled', cause = 'person' WHERE state IN ('scheduled', 'sending', 'verifying');
