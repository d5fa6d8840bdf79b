-- name: GetStartup :one
SELECT * FROM startup_sessions WHERE id = sqlc.arg(id);

-- name: ReportStartup :execrows
-- OPEN becomes READY or FAILED, once, if the caller is still who it was taken for:
-- caller_tenant is at caller_epoch.
UPDATE startup_sessions
SET status = sqlc.arg(status), ready_at = sqlc.narg(ready_at), failed_at = sqlc.narg(failed_at),
    build_version = sqlc.narg(build_version), health = sqlc.narg(health), error = sqlc.narg(error), details = sqlc.narg(details),
    changed = (SELECT n FROM change_number)
WHERE startup_sessions.id = sqlc.arg(id) AND startup_sessions.status = 'OPEN' AND startup_sessions.principal_id = sqlc.arg(principal_id)
  AND EXISTS (SELECT 1 FROM tenant_revisions r WHERE r.tenant_key = sqlc.arg(caller_tenant) AND r.epoch = sqlc.arg(caller_epoch));

-- name: ListStartups :many
-- Newest first: ids are UUIDv7, so from_id is what since is to the index. overdue_at is the present time, or null for any deadline.
SELECT * FROM startup_sessions
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(component_key) AS text) IS NULL OR component_key = sqlc.narg(component_key))
  AND (CAST(sqlc.narg(instance_id) AS text) IS NULL OR instance_id = sqlc.narg(instance_id))
  AND (CAST(sqlc.narg(source) AS text) IS NULL OR source = sqlc.narg(source))
  AND (CAST(sqlc.narg(since) AS timestamptz) IS NULL OR opened_at >= sqlc.narg(since))
  AND (CAST(sqlc.narg(overdue_at) AS timestamptz) IS NULL OR deadline_at < sqlc.narg(overdue_at))
  AND (CAST(sqlc.narg(superseded) AS boolean) IS NULL OR (superseded_at IS NOT NULL) = sqlc.narg(superseded))
  AND (CAST(sqlc.narg(acknowledged) AS boolean) IS NULL OR (acknowledged_at IS NOT NULL) = sqlc.narg(acknowledged))
  AND id < sqlc.arg(before_id) AND id >= sqlc.arg(from_id)
ORDER BY id DESC
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: CountOpenStartups :one
-- Those that still are, or may become, an alarm.
SELECT COUNT(*) AS open, CAST(COALESCE(SUM(CASE WHEN deadline_at < sqlc.arg(now) THEN 1 ELSE 0 END), 0) AS bigint) AS overdue
FROM startup_sessions WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL;

-- name: ListAlarms :many
-- The overdue startups that nothing has ended, by deadline: who may have been superseded.
SELECT id, tenant_key, principal_id, principal_key, component_key, instance_id, deadline_at FROM startup_sessions
WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL AND deadline_at < sqlc.arg(now)
ORDER BY deadline_at, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListPastDeadline :many
-- The startups that are an alarm and whose deadline was in a span of time, by deadline.
SELECT * FROM startup_sessions
WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL
  AND deadline_at >= sqlc.arg(since) AND deadline_at < sqlc.arg(until)
  AND (deadline_at > sqlc.arg(since) OR id > sqlc.arg(after_id))
ORDER BY deadline_at, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListSuperseded :many
-- The alarms that a startup on the roster ends (contract 5): a later one of the same
-- principal, component and instance, or where no instance is known one that began
-- after the deadline.
SELECT s.id, r.startup_id AS superseded_by, r.opened_at FROM startup_sessions s
JOIN roster r ON r.principal_id = s.principal_id AND r.component_key = s.component_key AND r.instance_id = COALESCE(s.instance_id, (
    SELECT l.instance_id FROM roster l
    WHERE l.principal_id = s.principal_id AND l.component_key = s.component_key AND l.opened_at > s.deadline_at
    ORDER BY l.startup_id
    LIMIT 1))
WHERE s.status = 'OPEN' AND s.superseded_at IS NULL AND s.acknowledged_at IS NULL AND s.deadline_at < sqlc.arg(now)
  AND (s.instance_id IS NULL OR r.startup_id > s.id)
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: SupersedeStartup :execrows
UPDATE startup_sessions SET superseded_by = sqlc.arg(superseded_by), superseded_at = sqlc.arg(superseded_at), changed = (SELECT n FROM change_number)
WHERE id = sqlc.arg(id) AND status = 'OPEN' AND superseded_at IS NULL;

-- name: AcknowledgeStartup :one
-- Ends an alarm by an admin's word: the first one's.
UPDATE startup_sessions
SET acknowledged_at = sqlc.arg(acknowledged_at), acknowledged_by = sqlc.arg(acknowledged_by), acknowledged_reason = sqlc.arg(acknowledged_reason),
    changed = (SELECT n FROM change_number)
WHERE id = sqlc.arg(id) AND status = 'OPEN' AND deadline_at < sqlc.arg(acknowledged_at) AND acknowledged_at IS NULL
RETURNING *;

-- name: DeleteOldStartups :execrows
-- One small batch. Ids are UUIDv7, so id < before_id is "opened before", but for what
-- was told of afterwards. What was changed after keep_after is kept, whatever its age.
DELETE FROM startup_sessions WHERE id IN (
    SELECT s.id FROM startup_sessions s
    WHERE s.id < sqlc.arg(before_id) AND s.opened_at < sqlc.arg(before)
      AND (s.status <> 'OPEN' OR s.deadline_at < sqlc.arg(now))
      AND s.changed <= sqlc.arg(keep_after)
    ORDER BY s.id
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)
);
