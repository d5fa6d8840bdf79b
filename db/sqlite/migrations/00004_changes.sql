-- +goose Up
-- Each write that changes startups takes a number, and leaves it on them: what is
-- derived from startups reads them in this order. Every transaction raises n first.
CREATE TABLE change_number (n bigint NOT NULL);
INSERT INTO change_number VALUES (0);
ALTER TABLE startup_sessions ADD COLUMN changed bigint NOT NULL DEFAULT 0;
ALTER TABLE startup_sessions ADD COLUMN deployment_key text; -- of the manifest; null is default
ALTER TABLE startup_sessions ADD COLUMN mirror_error text; -- why a ledger refused it
CREATE INDEX startup_sessions_changed ON startup_sessions (changed) WHERE changed > 0;

-- Who reads startups in the order of their changes, and how far it is.
CREATE TABLE sinks (
    name          text NOT NULL PRIMARY KEY,
    since         bigint NOT NULL, -- what was changed before it was there is none of its business
    position      bigint NOT NULL, -- all that was changed up to here is delivered
    owner         text NOT NULL,   -- the one replica that reads, until leased_until
    leased_until  timestamp NOT NULL,
    delivered     bigint NOT NULL,
    refused       bigint NOT NULL,
    delivered_at  timestamp,
    failing_since timestamp,
    last_error    text
);

-- +goose Down
DROP TABLE sinks;
DROP INDEX startup_sessions_changed;
ALTER TABLE startup_sessions DROP COLUMN changed;
ALTER TABLE startup_sessions DROP COLUMN deployment_key;
ALTER TABLE startup_sessions DROP COLUMN mirror_error;
DROP TABLE change_number;
