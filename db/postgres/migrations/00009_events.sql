-- +goose Up
-- What happened that somebody has to hear of, each once. It is written beside the write
-- path, by one replica at a time, which numbers it: seq has no holes, ascends in the order
-- in which events are committed, and never comes back. The last one is delivered of the row events in sinks.
CREATE TABLE events (
    seq           bigint NOT NULL PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    type          text NOT NULL, -- startup.overdue and the others of EventType
    about         text NOT NULL, -- with type: what there is one event of
    tenant_key    text NOT NULL,
    subject       text NOT NULL, -- the resource, as CloudEvents' subject
    startup_id    uuid,
    principal_key text,
    occurred_at   timestamptz NOT NULL, -- by the clock of who was there
    recorded_at   timestamptz NOT NULL,
    data          json NOT NULL,
    UNIQUE (type, about)
);
CREATE INDEX events_tenant ON events (tenant_key, seq);
CREATE INDEX events_recorded ON events (recorded_at);

-- The revision up to which a tenant's world.changed are recorded.
CREATE TABLE event_revisions (
    tenant_key text NOT NULL PRIMARY KEY,
    revision   bigint NOT NULL
);
INSERT INTO event_revisions SELECT tenant_key, revision FROM tenant_revisions;

-- The startups that make an event beside being overdue: few, and none of them when it is
-- opened, so that a bootstrap doesn't touch it.
CREATE INDEX startup_sessions_eventful ON startup_sessions (changed)
    WHERE changed > 0 AND (status = 'FAILED' OR ready_at > deadline_at OR superseded_at IS NOT NULL OR acknowledged_at IS NOT NULL
        OR (source = 'cache' AND status = 'OPEN'));

-- What a sink of events is at, beside its place.
ALTER TABLE sinks
    ADD COLUMN kind         text NOT NULL DEFAULT 'receiptgate', -- reader is one of our own, which tells nobody
    ADD COLUMN attempts     bigint NOT NULL DEFAULT 0, -- that have failed since it last took something
    ADD COLUMN retry_at     timestamptz,               -- not before
    ADD COLUMN dropped      bigint NOT NULL DEFAULT 0, -- events that were too old before it took them
    ADD COLUMN disabled_at  timestamptz,               -- it said that it is gone
    ADD COLUMN last_refusal text;

UPDATE sinks SET kind = 'reader' WHERE name = 'outcomes';

-- Who records begins here: startups by their changes, deadlines and refusals by Unix microseconds.
INSERT INTO sinks (name, kind, since, position, owner, leased_until, delivered, refused)
SELECT 'events', 'reader', CASE WHEN is_called THEN last_value ELSE 0 END, CASE WHEN is_called THEN last_value ELSE 0 END, '', '1970-01-01 00:00:00+00:00', 0, 0
FROM startup_changes;
INSERT INTO sinks (name, kind, since, position, owner, leased_until, delivered, refused)
SELECT name, 'reader', CAST(extract(epoch FROM now()) * 1000000 AS bigint), CAST(extract(epoch FROM now()) * 1000000 AS bigint), '', '1970-01-01 00:00:00+00:00', 0, 0
FROM (SELECT 'events.overdue' AS name UNION ALL SELECT 'events.refusals' UNION ALL SELECT 'events.addresses') n;

-- +goose Down
DELETE FROM sinks WHERE name LIKE 'events%';
ALTER TABLE sinks DROP COLUMN kind, DROP COLUMN attempts, DROP COLUMN retry_at, DROP COLUMN dropped, DROP COLUMN disabled_at, DROP COLUMN last_refusal;
DROP INDEX startup_sessions_eventful;
DROP TABLE event_revisions;
DROP TABLE events;
