-- name: GetStartup :one
SELECT * FROM startup_sessions WHERE id = sqlc.arg(id);

-- name: MarkReady :execrows
UPDATE startup_sessions
SET status = 'READY', ready_at = sqlc.arg(ready_at), build_version = sqlc.arg(build_version), health = sqlc.narg(health)
WHERE id = sqlc.arg(id) AND status = 'OPEN';

-- name: MarkFailed :execrows
UPDATE startup_sessions
SET status = 'FAILED', failed_at = sqlc.arg(failed_at), error = sqlc.arg(error), details = sqlc.narg(details)
WHERE id = sqlc.arg(id) AND status = 'OPEN';

-- name: ListStartups :many
-- Newest first: ids are UUIDv7. overdue_at is the present time, or null for any deadline.
SELECT * FROM startup_sessions
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(component_key) AS text) IS NULL OR component_key = sqlc.narg(component_key))
  AND (CAST(sqlc.narg(since) AS timestamptz) IS NULL OR opened_at >= sqlc.narg(since))
  AND (CAST(sqlc.narg(overdue_at) AS timestamptz) IS NULL OR deadline_at < sqlc.narg(overdue_at))
  AND id < sqlc.arg(before_id)
ORDER BY id DESC
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: CountOpenStartups :one
SELECT COUNT(*) AS open, CAST(COALESCE(SUM(CASE WHEN deadline_at < sqlc.arg(now) THEN 1 ELSE 0 END), 0) AS bigint) AS overdue
FROM startup_sessions WHERE status = 'OPEN';

-- name: DeleteOldStartups :execrows
-- One small batch. Ids are UUIDv7, so id < before_id is "opened before".
DELETE FROM startup_sessions WHERE id IN (
    SELECT s.id FROM startup_sessions s
    WHERE s.id < sqlc.arg(before_id)
      AND s.mirror_status IN ('off', 'mirrored')
      AND (s.status <> 'OPEN' OR s.deadline_at < sqlc.arg(now))
    ORDER BY s.id
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)
);

-- name: GetLastComponent :one
-- The component that a principal started last.
SELECT component_key FROM startup_sessions
WHERE tenant_key = sqlc.arg(tenant_key) AND principal_key = sqlc.arg(principal_key)
ORDER BY id DESC
LIMIT 1;
