-- +goose Up
-- What answers depend on has an epoch: a random number that a change replaces, so
-- that none comes back, not even when the database itself goes back in time.
ALTER TABLE tenant_revisions ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
UPDATE tenant_revisions SET epoch = random() & 0x7fffffffffffffff;

-- Who started where, by which credential, and how an alarm ends. What is mirrored
-- is known by a cursor, not by each receipt.
ALTER TABLE startup_sessions DROP COLUMN mirror_status;
ALTER TABLE startup_sessions ADD COLUMN instance_id text;
ALTER TABLE startup_sessions ADD COLUMN host text;
ALTER TABLE startup_sessions ADD COLUMN labels json_text;
ALTER TABLE startup_sessions ADD COLUMN source text NOT NULL DEFAULT 'live' CHECK (source = 'live' OR source = 'cache' OR source = 'bench');
ALTER TABLE startup_sessions ADD COLUMN revision bigint;
ALTER TABLE startup_sessions ADD COLUMN credential json_text;
ALTER TABLE startup_sessions ADD COLUMN remote_addr text;
ALTER TABLE startup_sessions ADD COLUMN superseded_by uuid_text;
ALTER TABLE startup_sessions ADD COLUMN superseded_at timestamp;
ALTER TABLE startup_sessions ADD COLUMN acknowledged_at timestamp;
ALTER TABLE startup_sessions ADD COLUMN acknowledged_by text;
ALTER TABLE startup_sessions ADD COLUMN acknowledged_reason text;

-- The startups that may be an alarm, or become one.
DROP INDEX startup_sessions_open;
CREATE INDEX startup_sessions_open ON startup_sessions (deadline_at)
    WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL;

-- +goose Down
DROP INDEX startup_sessions_open;
ALTER TABLE startup_sessions DROP COLUMN instance_id;
ALTER TABLE startup_sessions DROP COLUMN host;
ALTER TABLE startup_sessions DROP COLUMN labels;
ALTER TABLE startup_sessions DROP COLUMN source;
ALTER TABLE startup_sessions DROP COLUMN revision;
ALTER TABLE startup_sessions DROP COLUMN credential;
ALTER TABLE startup_sessions DROP COLUMN remote_addr;
ALTER TABLE startup_sessions DROP COLUMN superseded_by;
ALTER TABLE startup_sessions DROP COLUMN superseded_at;
ALTER TABLE startup_sessions DROP COLUMN acknowledged_at;
ALTER TABLE startup_sessions DROP COLUMN acknowledged_by;
ALTER TABLE startup_sessions DROP COLUMN acknowledged_reason;
ALTER TABLE startup_sessions ADD COLUMN mirror_status text NOT NULL DEFAULT 'off' CHECK (mirror_status IN ('off', 'pending', 'mirrored'));
CREATE INDEX startup_sessions_open ON startup_sessions (deadline_at) WHERE status = 'OPEN';
ALTER TABLE tenant_revisions DROP COLUMN epoch;
