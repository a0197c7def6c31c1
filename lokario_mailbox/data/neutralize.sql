-- A copy of a database reads nobody's mailbox and sends nothing that waited.
UPDATE inbox_integrations
   SET state = 'paused', email_password = NULL, google_gmail_refresh_token = NULL,
       google_gmail_access_token = NULL, microsoft_outlook_refresh_token = NULL,
       microsoft_outlook_access_token = NULL;
UPDATE mailbox_outgoing SET state = 'cancelled', cause = 'person'
 WHERE state IN ('queued', 'waiting', 'sending', 'verifying');
UPDATE inbox_sent_copy SET state = 'failed', has_self_copy = FALSE WHERE state = 'pending' OR has_self_copy;
