-- +goose Up
-- The number under which a startup was opened, as changed is that of its last change:
-- who counts startups counts each by the one, and what became of it by the other.
ALTER TABLE startup_sessions ADD COLUMN opened_change bigint NOT NULL DEFAULT 0; -- 0: by a server that did not count

-- What is expected of a binding's principal, and whose it is.
ALTER TABLE bindings ADD COLUMN expected json_text;
ALTER TABLE bindings ADD COLUMN labels json_text;

-- How many startups of an hour came to what: kept longer than they are.
CREATE TABLE outcomes (
    tenant_key text NOT NULL,
    dimension  text NOT NULL,      -- all, profile, manifest, component or build
    name       text NOT NULL,      -- its key there; empty where it has none, or the hour has too many
    version    bigint NOT NULL,    -- of a manifest; else 0
    hour       timestamp NOT NULL, -- in which they were opened
    measure    bigint NOT NULL,    -- below 0 what is counted, from 0 on a span of times to READY
    n          bigint NOT NULL,
    PRIMARY KEY (tenant_key, dimension, hour, name, version, measure)
);
CREATE INDEX outcomes_hour ON outcomes (hour);

-- The last startup of each instance of a component: kept longer than it is.
CREATE TABLE roster (
    principal_id     uuid_text NOT NULL,
    component_key    text NOT NULL,
    instance_id      text NOT NULL, -- empty: it names none
    startup_id       uuid_text NOT NULL,
    changed          bigint NOT NULL,
    status           text NOT NULL,
    opened_at        timestamp NOT NULL,
    deadline_at      timestamp NOT NULL,
    closed_at        timestamp,
    acknowledged_at  timestamp,
    build_version    text,
    manifest_key     text NOT NULL,
    manifest_version bigint NOT NULL,
    packet_etag      text NOT NULL,
    PRIMARY KEY (principal_id, component_key, instance_id)
);

-- Who was turned away. A credential that nobody knows has no tenant and no principal.
CREATE TABLE refusals (
    id            uuid_text NOT NULL PRIMARY KEY,
    tenant_key    text NOT NULL,
    code          text NOT NULL,
    operation     text NOT NULL,
    principal_key text NOT NULL,
    key_prefix    text NOT NULL,
    component_key text NOT NULL,
    remote_addr   text NOT NULL,
    n             bigint NOT NULL,
    first_at      timestamp NOT NULL,
    last_at       timestamp NOT NULL,
    detail        text NOT NULL,
    UNIQUE (tenant_key, code, operation, principal_key, key_prefix, component_key, remote_addr)
);
CREATE INDEX refusals_last ON refusals (last_at, id);

-- Who counts begins here; what was changed before is read for the roster alone.
INSERT INTO sinks (name, since, position, owner, leased_until, delivered, refused)
SELECT 'outcomes', n, 0, '', '1970-01-01 00:00:00+00:00', 0, 0 FROM change_number;

-- +goose Down
DELETE FROM sinks WHERE name = 'outcomes';
DROP TABLE refusals;
DROP TABLE roster;
DROP TABLE outcomes;
ALTER TABLE bindings DROP COLUMN expected;
ALTER TABLE bindings DROP COLUMN labels;
ALTER TABLE startup_sessions DROP COLUMN opened_change;
