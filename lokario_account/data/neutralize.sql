-- A copy does not hold the originals' undo links.
UPDATE lokario_account_deletion SET undo_nonce = NULL;
