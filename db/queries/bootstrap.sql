-- name: GetRevision :one
SELECT revision, epoch FROM tenant_revisions WHERE tenant_key = sqlc.arg(tenant_key);

-- name: SumRevisions :one
-- A number that differs when any tenant's world has. (The revisions themselves are too large to be added up.)
SELECT CAST(COALESCE(SUM(revision % 1000000007), 0) AS bigint) FROM tenant_revisions;

-- name: ListTenantRevisions :many
SELECT tenant_key, revision, epoch FROM tenant_revisions;

-- name: LockTenant :one
-- The first statement of each admin write: its row lock puts the writes of a tenant
-- one after another. It tells where the tenant is; a new one is at revision 0.
INSERT INTO tenant_revisions (tenant_key, revision, epoch) VALUES (sqlc.arg(tenant_key), 0, sqlc.arg(epoch))
ON CONFLICT (tenant_key) DO UPDATE SET revision = tenant_revisions.revision
RETURNING revision, epoch;

-- name: SetRevision :exec
-- The last statement of each admin write.
UPDATE tenant_revisions SET revision = sqlc.arg(revision), epoch = sqlc.arg(epoch) WHERE tenant_key = sqlc.arg(tenant_key);

-- name: GetIdentityByKeyHash :one
-- The one indexed read that opens the door to an API key. It is one snapshot: who
-- it is, what binds it, and the epoch of the tenant's world that this holds for.
SELECT p.id, p.tenant_key, p.principal_key, p.principal_type, p.status, r.epoch,
       b.profile_id, b.manifest_id, b.overrides,
       k.id AS key_id, k.status AS key_status, k.expires_at AS key_expires_at
FROM api_keys k
JOIN principals p ON p.id = k.principal_id
JOIN tenant_revisions r ON r.tenant_key = p.tenant_key
LEFT JOIN bindings b ON b.principal_id = p.id AND b.active
WHERE k.key_hash = sqlc.arg(key_hash);

-- name: GetIdentityBySubject :one
-- The same for the subject of a JWT.
SELECT p.id, p.tenant_key, p.principal_key, p.principal_type, p.status, r.epoch,
       b.profile_id, b.manifest_id, b.overrides
FROM principals p
JOIN tenant_revisions r ON r.tenant_key = p.tenant_key
LEFT JOIN bindings b ON b.principal_id = p.id AND b.active
WHERE p.auth_subject = sqlc.arg(auth_subject);

-- name: ListActiveSecretRefs :many
SELECT * FROM secret_refs
WHERE tenant_key = sqlc.arg(tenant_key) AND status = 'active';

-- name: OpenStartup :execrows
-- Writes the receipt only if the world is still the one that was resolved, and the
-- id, which may be an Idempotency-Key, is new.
INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key, manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, instance_id, host, labels, source, revision, credential, remote_addr, deployment_key, packet_body, changed, opened_change)
SELECT sqlc.arg(id), r.tenant_key, sqlc.arg(principal_id), sqlc.arg(principal_key), sqlc.arg(component_key),
       sqlc.arg(profile_key), sqlc.arg(manifest_key), sqlc.arg(manifest_version),
       sqlc.arg(packet_id), sqlc.arg(packet_etag), 'OPEN',
       sqlc.arg(opened_at), sqlc.arg(deadline_at),
       sqlc.narg(instance_id), sqlc.narg(host), sqlc.narg(labels), sqlc.arg(source), r.revision, sqlc.narg(credential), sqlc.narg(remote_addr), sqlc.narg(deployment_key), sqlc.narg(packet_body),
       c.n, c.n
FROM tenant_revisions r CROSS JOIN change_number c
WHERE r.tenant_key = sqlc.arg(tenant_key) AND r.epoch = sqlc.arg(epoch)
ON CONFLICT (id) DO NOTHING;
