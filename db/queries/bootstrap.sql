-- name: GetRevision :one
SELECT revision FROM tenant_revisions WHERE tenant_key = sqlc.arg(tenant_key);

-- name: BumpRevision :exec
-- The first statement of each admin write: its row lock puts the writes of a tenant
-- one after another, and the new revision makes every packet resolved before it stale.
INSERT INTO tenant_revisions (tenant_key, revision) VALUES (sqlc.arg(tenant_key), 1)
ON CONFLICT (tenant_key) DO UPDATE SET revision = tenant_revisions.revision + 1;

-- name: GetWorld :one
-- The active binding of a principal with its profile and manifest: one snapshot.
SELECT b.tenant_key, b.overrides,
       p.profile_key, p.capabilities, p.policy, p.startup_sla_seconds,
       m.manifest_key, m.environment, m.services, m.memory_map, m.polling, m.schemas, m.version AS manifest_version
FROM bindings b
JOIN profiles p ON p.id = b.profile_id
JOIN manifests m ON m.id = b.manifest_id
WHERE b.principal_id = sqlc.arg(principal_id) AND b.active;

-- name: ListActiveSecretRefs :many
SELECT * FROM secret_refs
WHERE tenant_key = sqlc.arg(tenant_key) AND status = 'active';

-- name: OpenStartup :execrows
-- Writes the receipt only if the world is still the one that was resolved.
INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key, manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, mirror_status)
SELECT sqlc.arg(id), r.tenant_key, sqlc.arg(principal_id), sqlc.arg(principal_key), sqlc.arg(component_key),
       sqlc.arg(profile_key), sqlc.arg(manifest_key), sqlc.arg(manifest_version),
       sqlc.arg(packet_id), sqlc.arg(packet_etag), 'OPEN',
       sqlc.arg(opened_at), sqlc.arg(deadline_at), 'off'
FROM tenant_revisions r
WHERE r.tenant_key = sqlc.arg(tenant_key) AND r.revision = sqlc.arg(revision);
