-- What SQLite says in its own way.

-- name: ListLastStarted :many
-- What some principals started before a startup, newest first. Principal_keys is a
-- JSON array. No index but that of the ids helps: one by principal would cost each
-- bootstrap a random page.
SELECT id, principal_key, component_key FROM startup_sessions
WHERE tenant_key = sqlc.arg(tenant_key) AND id < sqlc.arg(before_id)
  AND principal_key IN (SELECT value FROM json_each(CAST(sqlc.arg(principal_keys) AS text)))
ORDER BY id DESC
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: WhichStartups :many
-- Those of a JSON array of ids that there are.
SELECT id, packet_id FROM startup_sessions WHERE id IN (SELECT value FROM json_each(CAST(sqlc.arg(ids) AS text)));

-- name: ListCountedOf :many
-- ListCounted of a JSON array of ids.
SELECT id, tenant_key, principal_id, component_key, instance_id, profile_key, manifest_key, manifest_version, packet_etag, status, source,
    opened_at, deadline_at, ready_at, failed_at, claimed_opened_at, claimed_closed_at, acknowledged_at, build_version, changed, opened_change
FROM startup_sessions WHERE id IN (SELECT value FROM json_each(CAST(sqlc.arg(ids) AS text)));
