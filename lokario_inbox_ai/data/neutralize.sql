-- No model is asked about a copy of a database, and nothing is answered.
UPDATE inbox_ai_provider SET api_key = NULL, active = FALSE;
UPDATE inbox_ai_decision SET state = 'done', outcome = 'skipped', reason = 'stopped' WHERE state != 'done';
UPDATE res_company SET inbox_ai_stopped = TRUE;
