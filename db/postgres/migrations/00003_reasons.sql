-- +goose Up
-- By which credential, why, and which revision it made: null in entries of an older
-- server. principal_key is whose binding or API key an entry is about.
ALTER TABLE audit_log
    ADD COLUMN principal_key text,
    ADD COLUMN credential    json,
    ADD COLUMN reason        text,
    ADD COLUMN revision      bigint;

-- +goose Down
ALTER TABLE audit_log
    DROP COLUMN principal_key,
    DROP COLUMN credential,
    DROP COLUMN reason,
    DROP COLUMN revision;
