-- +goose Up
-- JSON Schemas that a tenant's manifests, profiles or packets have to be like.
CREATE TABLE validators (
    id             uuid NOT NULL PRIMARY KEY,
    tenant_key     text NOT NULL,
    validator_key  text NOT NULL,
    description    text NOT NULL,
    target         text NOT NULL CHECK (target IN ('manifest', 'profile', 'packet')),
    applies_to     json, -- null is all
    mode           text NOT NULL CHECK (mode IN ('deny', 'warn')),
    accept_present boolean NOT NULL,
    document       json NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    UNIQUE (tenant_key, validator_key)
);

-- +goose Down
DROP TABLE validators;
