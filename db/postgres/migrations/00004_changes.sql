-- +goose Up
-- Each write that changes startups takes a number, and leaves it on them: what is
-- derived from startups reads them in this order. Older servers, which don't know
-- it, number what they open by the column's default.
CREATE SEQUENCE startup_changes;
CREATE VIEW change_number AS SELECT nextval('startup_changes') AS n;
ALTER TABLE startup_sessions
    ADD COLUMN changed        bigint NOT NULL DEFAULT 0,
    ADD COLUMN deployment_key text, -- of the manifest; null is default
    ADD COLUMN mirror_error   text; -- why a ledger refused it
ALTER TABLE startup_sessions ALTER COLUMN changed SET DEFAULT nextval('startup_changes');
CREATE INDEX startup_sessions_changed ON startup_sessions (changed) WHERE changed > 0;

-- Who reads startups in the order of their changes, and how far it is.
CREATE TABLE sinks (
    name          text NOT NULL PRIMARY KEY,
    since         bigint NOT NULL, -- what was changed before it was there is none of its business
    position      bigint NOT NULL, -- all that was changed up to here is delivered
    owner         text NOT NULL,   -- the one replica that reads, until leased_until
    leased_until  timestamptz NOT NULL,
    delivered     bigint NOT NULL,
    refused       bigint NOT NULL,
    delivered_at  timestamptz,
    failing_since timestamptz,
    last_error    text
);

-- +goose Down
DROP TABLE sinks;
ALTER TABLE startup_sessions DROP COLUMN changed, DROP COLUMN deployment_key, DROP COLUMN mirror_error;
DROP VIEW change_number;
DROP SEQUENCE startup_changes;
