-- name: FindLastAnswered :one
-- The startup of a principal that was answered with an etag, among the last of each of its instances.
SELECT s.* FROM roster r JOIN startup_sessions s ON s.id = r.startup_id
WHERE r.principal_id = sqlc.arg(principal_id) AND r.component_key = sqlc.arg(component_key) AND r.packet_etag = sqlc.arg(packet_etag)
ORDER BY r.startup_id DESC
LIMIT 1;

-- name: FindAnswered :one
-- The startup of a principal that was answered with an etag last. SQLite reads all of that time for it.
SELECT * FROM startup_sessions
WHERE tenant_key = sqlc.arg(tenant_key) AND principal_key = sqlc.arg(principal_key) AND principal_id = sqlc.arg(principal_id)
  AND component_key = sqlc.arg(component_key) AND packet_etag = sqlc.arg(packet_etag) AND id >= sqlc.arg(from_id)
ORDER BY id DESC
LIMIT 1;

-- name: BackfillStartup :execrows
-- A start that is told of afterwards, once.
INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key, manifest_version, packet_id, packet_etag,
    status, opened_at, deadline_at, ready_at, failed_at, build_version, health, error, details,
    instance_id, host, labels, source, revision, credential, remote_addr, deployment_key, claimed_opened_at, claimed_closed_at, changed, opened_change)
SELECT sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(principal_id), sqlc.arg(principal_key), sqlc.arg(component_key),
    sqlc.arg(profile_key), sqlc.arg(manifest_key), sqlc.arg(manifest_version), sqlc.arg(packet_id), sqlc.arg(packet_etag),
    sqlc.arg(status), sqlc.arg(opened_at), sqlc.arg(deadline_at), sqlc.narg(ready_at), sqlc.narg(failed_at),
    sqlc.narg(build_version), sqlc.narg(health), sqlc.narg(error), sqlc.narg(details),
    sqlc.narg(instance_id), sqlc.narg(host), sqlc.narg(labels), 'cache', sqlc.narg(revision), sqlc.narg(credential), sqlc.narg(remote_addr), sqlc.narg(deployment_key),
    sqlc.narg(claimed_opened_at), sqlc.narg(claimed_closed_at), c.n, c.n
FROM change_number c
WHERE true
ON CONFLICT (id) DO NOTHING;

-- name: CloseBackfilled :execrows
-- What became of a startup that is still OPEN here.
UPDATE startup_sessions
SET status = sqlc.arg(status), ready_at = sqlc.narg(ready_at), failed_at = sqlc.narg(failed_at),
    build_version = sqlc.narg(build_version), health = sqlc.narg(health), error = sqlc.narg(error), details = sqlc.narg(details),
    claimed_closed_at = sqlc.narg(claimed_closed_at), changed = (SELECT n FROM change_number)
WHERE id = sqlc.arg(id) AND status = 'OPEN' AND principal_id = sqlc.arg(principal_id);
