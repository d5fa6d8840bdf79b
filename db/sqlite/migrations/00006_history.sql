-- +goose Up
-- The packets that startups were answered with: what those of one world have alike is
-- kept once, and written before it is first served.
CREATE TABLE packet_bodies (
    id         bigint NOT NULL PRIMARY KEY,
    hash       text NOT NULL CONSTRAINT packet_bodies_hash_key UNIQUE, -- of the tenant and the body
    tenant_key text NOT NULL,
    body       text NOT NULL,
    first_seen timestamp NOT NULL,
    last_seen  timestamp NOT NULL -- raised once an hour while it is served
);
-- The body's id, negative where the packet left by /mcp, which words it differently;
-- null where none was kept.
ALTER TABLE startup_sessions ADD COLUMN packet_body bigint;

-- The audit log tells what each revision made of each resource. What was there before it
-- told revisions is kept as it is now: history begins here for the tenants of now, and
-- for others with their first revision.
CREATE TABLE history_starts (
    tenant_key text NOT NULL PRIMARY KEY,
    revision   bigint NOT NULL,
    started_at timestamp NOT NULL
);
INSERT INTO history_starts SELECT tenant_key, revision, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') FROM tenant_revisions;
CREATE TABLE history_baselines (
    resource_id   uuid_text NOT NULL PRIMARY KEY,
    tenant_key    text NOT NULL,
    resource_type text NOT NULL,
    document      json_text NOT NULL
);
INSERT INTO history_baselines
SELECT id, tenant_key, 'principal', json_object('id', id, 'tenant_key', tenant_key, 'principal_key', principal_key,
    'auth_subject', auth_subject, 'principal_type', principal_type, 'status', status) FROM principals;
INSERT INTO history_baselines
SELECT id, tenant_key, 'profile', json_object('id', id, 'tenant_key', tenant_key, 'profile_key', profile_key,
    'capabilities', json(capabilities), 'policy', json(policy), 'startup_sla_seconds', startup_sla_seconds) FROM profiles;
INSERT INTO history_baselines
SELECT id, tenant_key, 'manifest', json_object('id', id, 'tenant_key', tenant_key, 'manifest_key', manifest_key,
    'deployment_key', deployment_key, 'version', version, 'environment', json(environment), 'services', json(services),
    'memory_map', json(memory_map), 'polling', json(polling), 'schemas', json(schemas)) FROM manifests;
INSERT INTO history_baselines
SELECT id, tenant_key, 'binding', json_object('id', id, 'tenant_key', tenant_key, 'principal_id', principal_id,
    'profile_id', profile_id, 'manifest_id', manifest_id, 'overrides', json(overrides),
    'active', json(CASE WHEN active THEN 'true' ELSE 'false' END)) FROM bindings;
INSERT INTO history_baselines
SELECT id, tenant_key, 'secret_ref', json_object('id', id, 'tenant_key', tenant_key, 'secret_key', secret_key,
    'ref_kind', ref_kind, 'ref_name', ref_name, 'ref_meta', json(ref_meta), 'status', status) FROM secret_refs;
CREATE INDEX history_baselines_tenant ON history_baselines (tenant_key);
CREATE INDEX audit_log_revision ON audit_log (tenant_key, revision);

-- +goose Down
DROP INDEX audit_log_revision;
DROP TABLE history_baselines;
DROP TABLE history_starts;
ALTER TABLE startup_sessions DROP COLUMN packet_body;
DROP TABLE packet_bodies;
