-- Campaigns stand still, nobody outside is told anything.
UPDATE engine_tenant SET mailwizz_url = NULL, mailwizz_key = NULL;
UPDATE engine_webhook_target SET active = false, signing_secret = NULL, former_secret = NULL;
UPDATE engine_webhook_delivery SET state = 'failed' WHERE state = 'pending';
UPDATE engine_webhook_source SET active = false, signing_secret = NULL, token_hash = NULL;
UPDATE engine_campaign SET state = 'paused' WHERE state IN ('sending', 'scheduled');
