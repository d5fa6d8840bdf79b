-- +goose Up
-- The same tables as on PostgreSQL, in the same column order. The type names
-- uuid_text and json_text give TEXT affinity: a declared uuid or json column would
-- get NUMERIC, and the text 1e5 would become a number.
CREATE TABLE tenant_revisions (
    tenant_key text NOT NULL PRIMARY KEY,
    revision   bigint NOT NULL
);

CREATE TABLE principals (
    id             uuid_text NOT NULL PRIMARY KEY,
    tenant_key     text NOT NULL,
    principal_key  text NOT NULL,
    auth_subject   text NOT NULL CONSTRAINT principals_auth_subject_key UNIQUE,
    principal_type text NOT NULL,
    status         text NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at     timestamp NOT NULL,
    updated_at     timestamp NOT NULL,
    UNIQUE (tenant_key, principal_key)
);

CREATE TABLE profiles (
    id                  uuid_text NOT NULL PRIMARY KEY,
    tenant_key          text NOT NULL,
    profile_key         text NOT NULL,
    capabilities        json_text NOT NULL,
    policy              json_text NOT NULL,
    startup_sla_seconds bigint NOT NULL CHECK (startup_sla_seconds > 0),
    created_at          timestamp NOT NULL,
    updated_at          timestamp NOT NULL,
    UNIQUE (tenant_key, profile_key)
);

CREATE TABLE manifests (
    id             uuid_text NOT NULL PRIMARY KEY,
    tenant_key     text NOT NULL,
    manifest_key   text NOT NULL,
    deployment_key text NOT NULL,
    environment    json_text NOT NULL,
    services       json_text NOT NULL,
    memory_map     json_text NOT NULL,
    polling        json_text NOT NULL,
    schemas        json_text NOT NULL,
    version        bigint NOT NULL,
    created_at     timestamp NOT NULL,
    updated_at     timestamp NOT NULL,
    UNIQUE (tenant_key, manifest_key)
);

CREATE TABLE bindings (
    id           uuid_text NOT NULL PRIMARY KEY,
    tenant_key   text NOT NULL,
    principal_id uuid_text NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    profile_id   uuid_text NOT NULL REFERENCES profiles (id) ON DELETE RESTRICT,
    manifest_id  uuid_text NOT NULL REFERENCES manifests (id) ON DELETE RESTRICT,
    overrides    json_text NOT NULL,
    active       boolean NOT NULL,
    created_at   timestamp NOT NULL,
    updated_at   timestamp NOT NULL
);
-- At most one active binding per principal (contract 2).
CREATE UNIQUE INDEX bindings_one_active ON bindings (principal_id) WHERE active;
CREATE INDEX bindings_principal ON bindings (principal_id);
CREATE INDEX bindings_profile ON bindings (profile_id);
CREATE INDEX bindings_manifest ON bindings (manifest_id);

CREATE TABLE secret_refs (
    id         uuid_text NOT NULL PRIMARY KEY,
    tenant_key text NOT NULL,
    secret_key text NOT NULL,
    ref_kind   text NOT NULL,
    ref_name   text NOT NULL,
    ref_meta   json_text NOT NULL,
    status     text NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    UNIQUE (tenant_key, secret_key)
);

CREATE TABLE api_keys (
    id           uuid_text NOT NULL PRIMARY KEY,
    tenant_key   text NOT NULL,
    principal_id uuid_text NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    name         text NOT NULL,
    key_hash     text NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    status       text NOT NULL CHECK (status IN ('active', 'revoked')),
    expires_at   timestamp,
    last_used_at timestamp,
    created_at   timestamp NOT NULL,
    updated_at   timestamp NOT NULL
);
CREATE INDEX api_keys_principal ON api_keys (principal_id);

-- Receipts outlive the principal that opened them: no foreign key. And no IN: of three values
-- SQLite makes a table, for each row that it checks.
CREATE TABLE startup_sessions (
    id               uuid_text NOT NULL PRIMARY KEY,
    tenant_key       text NOT NULL,
    principal_id     uuid_text NOT NULL,
    principal_key    text NOT NULL,
    component_key    text NOT NULL,
    profile_key      text NOT NULL,
    manifest_key     text NOT NULL,
    manifest_version bigint NOT NULL,
    packet_id        uuid_text NOT NULL,
    packet_etag      text NOT NULL,
    status           text NOT NULL CHECK (status = 'OPEN' OR status = 'READY' OR status = 'FAILED'),
    opened_at        timestamp NOT NULL,
    deadline_at      timestamp NOT NULL,
    ready_at         timestamp,
    failed_at        timestamp,
    build_version    text,
    health           json_text,
    error            text,
    details          json_text,
    mirror_status    text NOT NULL CHECK (mirror_status IN ('off', 'pending', 'mirrored'))
);
CREATE INDEX startup_sessions_open ON startup_sessions (deadline_at) WHERE status = 'OPEN';

CREATE TABLE audit_log (
    id            uuid_text NOT NULL PRIMARY KEY,
    tenant_key    text NOT NULL,
    actor         text NOT NULL,
    auth_method   text NOT NULL,
    action        text NOT NULL,
    resource_type text NOT NULL,
    resource_id   uuid_text NOT NULL,
    resource_key  text NOT NULL,
    request_id    text NOT NULL,
    remote_addr   text NOT NULL,
    before        json_text,
    after         json_text,
    created_at    timestamp NOT NULL
);
CREATE INDEX audit_log_tenant ON audit_log (tenant_key, id);
CREATE INDEX audit_log_resource ON audit_log (resource_id, id);

-- +goose Down
DROP TABLE audit_log;
DROP TABLE startup_sessions;
DROP TABLE api_keys;
DROP TABLE secret_refs;
DROP TABLE bindings;
DROP TABLE manifests;
DROP TABLE profiles;
DROP TABLE principals;
DROP TABLE tenant_revisions;
