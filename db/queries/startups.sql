-- name: GetStartup :one
SELECT * FROM startup_sessions WHERE id = sqlc.arg(id);

-- name: ReportStartup :execrows
-- OPEN becomes READY or FAILED, once, if the caller is still who it was taken for:
-- caller_tenant is at caller_revision.
UPDATE startup_sessions
SET status = sqlc.arg(status), ready_at = sqlc.narg(ready_at), failed_at = sqlc.narg(failed_at),
    build_version = sqlc.narg(build_version), health = sqlc.narg(health), error = sqlc.narg(error), details = sqlc.narg(details)
WHERE startup_sessions.id = sqlc.arg(id) AND startup_sessions.status = 'OPEN' AND startup_sessions.principal_id = sqlc.arg(principal_id)
  AND EXISTS (SELECT 1 FROM tenant_revisions r WHERE r.tenant_key = sqlc.arg(caller_tenant) AND r.revision = sqlc.arg(caller_revision));

-- name: ListStartups :many
-- Newest first: ids are UUIDv7, so from_id is what since is to the index. overdue_at is the present time, or null for any deadline.
SELECT * FROM startup_sessions
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(component_key) AS text) IS NULL OR component_key = sqlc.narg(component_key))
  AND (CAST(sqlc.narg(since) AS timestamptz) IS NULL OR opened_at >= sqlc.narg(since))
  AND (CAST(sqlc.narg(overdue_at) AS timestamptz) IS NULL OR deadline_at < sqlc.narg(overdue_at))
  AND id < sqlc.arg(before_id) AND id >= sqlc.arg(from_id)
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
