-- A copy of a database reads nobody's mailbox and answers nobody.
UPDATE inbox_integrations
   SET state = 'paused', email_password = NULL, google_gmail_refresh_token = NULL,
       google_gmail_access_token = NULL, microsoft_outlook_refresh_token = NULL,
       microsoft_outlook_access_token = NULL, lease_token = NULL;
-- Nothing that waited leaves from a copy, and no model is asked.
UPDATE inbox_outgoing SET state = 'cancelled', cause = 'person' WHERE state IN ('scheduled', 'sending', 'unsettled');
UPDATE inbox_sent_copy SET state = 'failed', hidden_copy = FALSE WHERE state = 'pending' OR hidden_copy;
UPDATE inbox_ai_provider SET api_key = NULL, active = FALSE;
UPDATE inbox_ai_decision SET state = 'done', outcome = 'skipped', reason = 'stopped' WHERE state != 'done';
UPDATE res_company SET inbox_ai_stopped = TRUE;
