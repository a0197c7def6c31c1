-- A copy of a database synchronises no mailbox.
UPDATE inbox_integrations SET lease_token = NULL;
DELETE FROM inbox_ring;
UPDATE inbox_outgoing SET state = 'cancelled', cause = 'person' WHERE state IN ('scheduled', 'sending', 'verifying');
