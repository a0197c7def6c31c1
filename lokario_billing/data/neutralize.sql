-- a copy never writes to customers: nothing is followed up, no mail waits to leave
UPDATE res_company SET followup_enabled = false, followup_approved_at = NULL;
UPDATE lokario_delivery SET state = 'cancelled', next_try_at = NULL
 WHERE state IN ('queued', 'waiting', 'sending', 'verifying', 'uncertain');
UPDATE mail_mail SET state = 'cancel' WHERE state = 'outgoing';
UPDATE lokario_followup_reminder SET token_expires_at = NULL;
