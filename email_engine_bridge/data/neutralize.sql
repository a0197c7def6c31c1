-- A copy must not push configurations, send alerts, or answer with the original's keys.
UPDATE engine_powermta_server SET api_url = NULL, api_key = NULL, auto_push = false, pull_token_hash = NULL;
UPDATE engine_config_version SET state = 'draft' WHERE state IN ('pending', 'pushing');
UPDATE engine_tenant
   SET google_account = NULL, snds_key = NULL, telegram_token = NULL, telegram_chat = NULL, alert_email = NULL, delivery_host = 'localhost', delivery_port = 1;
UPDATE engine_alert SET telegram_state = 'none' WHERE telegram_state = 'pending';
UPDATE engine_api_key SET revoked = true, key_hash = NULL;
UPDATE engine_dkim_key SET private_key = NULL;
