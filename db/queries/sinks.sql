-- name: ListChanges :many
-- What was changed after one change, or in it after one startup, up to another change, in this order.
SELECT * FROM startup_sessions
WHERE changed > 0 AND changed >= sqlc.arg(from_change) AND changed <= sqlc.arg(up_to)
  AND (changed > sqlc.arg(from_change) OR id > sqlc.arg(after_id))
ORDER BY changed, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: CountChanges :one
-- How many startups were changed after one change: row_limit at most.
SELECT COUNT(*) FROM (
    SELECT 1 FROM startup_sessions WHERE changed > 0 AND changed > sqlc.arg(from_change)
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)
) c;

-- name: CreateSink :exec
INSERT INTO sinks (name, since, position, owner, leased_until, delivered, refused)
VALUES (sqlc.arg(name), sqlc.arg(position), sqlc.arg(position), '', sqlc.arg(leased_until), 0, 0)
ON CONFLICT (name) DO NOTHING;

-- name: GetSink :one
SELECT * FROM sinks WHERE name = sqlc.arg(name);

-- name: ListSinks :many
-- Who counts outcomes, and who records events, tells nobody.
SELECT * FROM sinks WHERE name <> 'outcomes' AND name <> 'events' AND name NOT LIKE 'events.%' ORDER BY name;

-- name: LeaseSink :execrows
-- One replica reads at a time: who has the lease, until it has run out.
UPDATE sinks SET owner = sqlc.arg(owner), leased_until = sqlc.arg(leased_until)
WHERE name = sqlc.arg(name) AND (owner = sqlc.arg(owner) OR leased_until < sqlc.arg(now));

-- name: AdvanceSink :execrows
UPDATE sinks SET position = sqlc.arg(position), delivered = delivered + sqlc.arg(delivered), refused = refused + sqlc.arg(refused),
    delivered_at = COALESCE(sqlc.narg(delivered_at), delivered_at), failing_since = NULL, last_error = NULL
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner) AND position <= sqlc.arg(position);

-- name: FailSink :exec
UPDATE sinks SET failing_since = COALESCE(failing_since, sqlc.arg(now)), last_error = sqlc.arg(last_error)
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner);

-- name: RefuseStartup :exec
-- No change that anybody reads: it keeps its number.
UPDATE startup_sessions SET mirror_error = sqlc.arg(mirror_error) WHERE id = sqlc.arg(id);
