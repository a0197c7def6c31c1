-- A copy of a database reads nobody's mailbox and answers nobody.
UPDATE inbox_integrations
   SET state = 'paused', email_password = NULL, google_gmail_refresh_token = NULL,
       google_gmail_access_token = NULL, microsoft_outlook_refresh_token = NULL,
       microsoft_outlook_access_token = NULL, lease_until = NULL, lease_token = NULL;
