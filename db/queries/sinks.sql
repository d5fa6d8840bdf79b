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
INSERT INTO sinks (name, kind, since, position, owner, leased_until, delivered, refused)
VALUES (sqlc.arg(name), sqlc.arg(kind), sqlc.arg(position), sqlc.arg(position), '', sqlc.arg(leased_until), 0, 0)
ON CONFLICT (name) DO NOTHING;

-- name: GetSink :one
SELECT * FROM sinks WHERE name = sqlc.arg(name);

-- name: ListSinks :many
SELECT * FROM sinks WHERE kind <> 'reader' ORDER BY name;

-- name: LeaseSink :execrows
-- One replica reads at a time: who has the lease, until it has run out. A lease for longer than anybody takes one
-- is of a clock that was wrong.
UPDATE sinks SET owner = sqlc.arg(owner), leased_until = sqlc.arg(leased_until)
WHERE name = sqlc.arg(name) AND (owner = sqlc.arg(owner) OR leased_until < sqlc.arg(now) OR leased_until > sqlc.arg(latest));

-- name: AdvanceSink :execrows
UPDATE sinks SET position = sqlc.arg(position), delivered = delivered + sqlc.arg(delivered), refused = refused + sqlc.arg(refused),
    delivered_at = COALESCE(sqlc.narg(delivered_at), delivered_at), failing_since = NULL, last_error = NULL, attempts = 0, retry_at = NULL
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner) AND position <= sqlc.arg(position);

-- name: FailSink :exec
UPDATE sinks SET failing_since = COALESCE(failing_since, sqlc.arg(now)), last_error = sqlc.arg(last_error)
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner);

-- name: RefuseStartup :exec
-- No change that anybody reads: it keeps its number.
UPDATE startup_sessions SET mirror_error = sqlc.arg(mirror_error) WHERE id = sqlc.arg(id);

-- name: RetrySink :execrows
-- An attempt has failed: the next one is not before a time.
UPDATE sinks SET attempts = attempts + 1, retry_at = sqlc.arg(retry_at), failing_since = COALESCE(failing_since, sqlc.arg(now)), last_error = sqlc.arg(last_error)
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner);

-- name: RefuseEvent :execrows
-- It is passed, and said why.
UPDATE sinks SET position = sqlc.arg(position), refused = refused + 1, last_refusal = sqlc.arg(last_refusal), attempts = 0, retry_at = NULL, failing_since = NULL
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner) AND position <= sqlc.arg(position);

-- name: DropEvents :execrows
-- Events are gone that it was not told of.
UPDATE sinks SET position = sqlc.arg(position), dropped = dropped + sqlc.arg(dropped)
WHERE name = sqlc.arg(name) AND owner = sqlc.arg(owner) AND position <= sqlc.arg(position);

-- name: DisableSink :exec
-- It is told nothing until it is enabled, by null.
UPDATE sinks SET disabled_at = sqlc.narg(disabled_at), last_error = COALESCE(sqlc.narg(last_error), last_error), retry_at = NULL
WHERE name = sqlc.arg(name);
