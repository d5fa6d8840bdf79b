-- +goose Up
-- What answers depend on has an epoch: a random number that a change replaces, so
-- that none comes back, not even when the database itself goes back in time.
ALTER TABLE tenant_revisions ADD COLUMN epoch bigint;
UPDATE tenant_revisions SET epoch = floor(random() * 9007199254740992)::bigint;
ALTER TABLE tenant_revisions ALTER COLUMN epoch SET NOT NULL;

-- Who started where, by which credential, and how an alarm ends. What is mirrored
-- is known by a cursor, not by each receipt.
ALTER TABLE startup_sessions
    DROP COLUMN mirror_status,
    ADD COLUMN instance_id         text,
    ADD COLUMN host                text,
    ADD COLUMN labels              json,
    ADD COLUMN source              text NOT NULL DEFAULT 'live' CHECK (source IN ('live', 'cache', 'bench')),
    ADD COLUMN revision            bigint,
    ADD COLUMN credential          json,
    ADD COLUMN remote_addr         text,
    ADD COLUMN superseded_by       uuid,
    ADD COLUMN superseded_at       timestamptz,
    ADD COLUMN acknowledged_at     timestamptz,
    ADD COLUMN acknowledged_by     text,
    ADD COLUMN acknowledged_reason text;

-- The startups that may be an alarm, or become one.
DROP INDEX startup_sessions_open;
CREATE INDEX startup_sessions_open ON startup_sessions (deadline_at)
    WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL;

-- +goose Down
DROP INDEX startup_sessions_open;
ALTER TABLE startup_sessions
    DROP COLUMN instance_id,
    DROP COLUMN host,
    DROP COLUMN labels,
    DROP COLUMN source,
    DROP COLUMN revision,
    DROP COLUMN credential,
    DROP COLUMN remote_addr,
    DROP COLUMN superseded_by,
    DROP COLUMN superseded_at,
    DROP COLUMN acknowledged_at,
    DROP COLUMN acknowledged_by,
    DROP COLUMN acknowledged_reason,
    ADD COLUMN mirror_status text NOT NULL DEFAULT 'off' CHECK (mirror_status IN ('off', 'pending', 'mirrored'));
CREATE INDEX startup_sessions_open ON startup_sessions (deadline_at) WHERE status = 'OPEN';
ALTER TABLE tenant_revisions DROP COLUMN epoch;
