-- Nobody outside is notified by a copy.
UPDATE saas_webhook_target SET active = false, signing_secret = NULL, former_secret = NULL;
UPDATE saas_webhook_delivery SET state = 'failed' WHERE state = 'pending';
