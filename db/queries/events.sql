-- name: ListEvents :many
-- In the order in which they were recorded. Types is a list with a comma before and after each, or null for all.
SELECT * FROM events
WHERE seq > sqlc.arg(after)
  AND (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(types) AS text) IS NULL OR CAST(sqlc.narg(types) AS text) LIKE '%,' || type || ',%')
ORDER BY seq
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: EventBounds :one
-- The oldest event that is kept, 0 where there is none, and the last one there ever was.
SELECT CAST(COALESCE((SELECT MIN(e.seq) FROM events e), 0) AS bigint) AS oldest, delivered AS newest FROM sinks WHERE name = 'events';

-- name: CreateEvent :exec
INSERT INTO events (seq, id, type, about, tenant_key, subject, startup_id, principal_key, occurred_at, recorded_at, data)
VALUES (sqlc.arg(seq), sqlc.arg(id), sqlc.arg(type), sqlc.arg(about), sqlc.arg(tenant_key), sqlc.arg(subject), sqlc.narg(startup_id),
    sqlc.narg(principal_key), sqlc.arg(occurred_at), sqlc.arg(recorded_at), sqlc.arg(data));
