-- +goose Up
-- By which credential, why, and which revision it made: null in entries of an older
-- server. principal_key is whose binding or API key an entry is about.
ALTER TABLE audit_log ADD COLUMN principal_key text;
ALTER TABLE audit_log ADD COLUMN credential json_text;
ALTER TABLE audit_log ADD COLUMN reason text;
ALTER TABLE audit_log ADD COLUMN revision bigint;

-- +goose Down
ALTER TABLE audit_log DROP COLUMN principal_key;
ALTER TABLE audit_log DROP COLUMN credential;
ALTER TABLE audit_log DROP COLUMN reason;
ALTER TABLE audit_log DROP COLUMN revision;
