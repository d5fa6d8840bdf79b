-- name: FindPacketBody :one
SELECT id, last_seen FROM packet_bodies WHERE hash = sqlc.arg(hash);

-- name: KeepPacketBody :one
-- Keeps a body, once however many replicas compile it now, and tells its id.
INSERT INTO packet_bodies (id, hash, tenant_key, body, first_seen, last_seen)
VALUES (sqlc.arg(id), sqlc.arg(hash), sqlc.arg(tenant_key), sqlc.arg(body), sqlc.arg(seen), sqlc.arg(seen))
ON CONFLICT (hash) DO UPDATE SET last_seen = excluded.last_seen
RETURNING id;

-- name: GetPacketBody :one
SELECT * FROM packet_bodies WHERE id = sqlc.arg(id) AND tenant_key = sqlc.arg(tenant_key);

-- name: GetStartupBody :one
SELECT packet_body FROM startup_sessions WHERE id = sqlc.arg(id);

-- name: DeleteOldPacketBodies :execrows
-- One small batch of those that no startup has been answered with since before, and
-- nothing on the roster has started with.
DELETE FROM packet_bodies WHERE id IN (
    SELECT b.id FROM packet_bodies b WHERE b.last_seen < sqlc.arg(before)
      AND b.id NOT IN (SELECT abs(r.packet_body) FROM roster r WHERE r.packet_body IS NOT NULL)
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)
) AND last_seen < sqlc.arg(before); -- again: one may have been seen just now

-- name: GetHistoryStart :one
-- Where a tenant's history begins; a tenant without a row has all of its own.
SELECT revision, started_at FROM history_starts WHERE tenant_key = sqlc.arg(tenant_key);

-- name: ListBaseline :many
SELECT resource_id, resource_type, document FROM history_baselines WHERE tenant_key = sqlc.arg(tenant_key);

-- name: ListWorldAt :many
-- What each resource was last made, since the history's start and up to a revision; a
-- deleted one has no document.
SELECT a.resource_id, a.resource_type, a.after AS document FROM audit_log a
WHERE a.tenant_key = sqlc.arg(tenant_key) AND a.revision > sqlc.arg(since) AND a.revision <= sqlc.arg(revision)
  AND a.resource_type IN ('principal', 'profile', 'manifest', 'binding', 'secret_ref', 'validator')
  AND NOT EXISTS (
    SELECT 1 FROM audit_log n
    WHERE n.resource_id = a.resource_id AND n.revision <= sqlc.arg(revision)
      AND (n.revision > a.revision OR (n.revision = a.revision AND n.id > a.id)));

-- name: RevisionAt :one
-- The revision that a tenant was at, at a time: before_id is the first of the millisecond after it.
SELECT revision FROM audit_log
WHERE tenant_key = sqlc.arg(tenant_key) AND id < sqlc.arg(before_id) AND created_at <= sqlc.arg(at) AND revision IS NOT NULL
ORDER BY id DESC
LIMIT 1;

-- name: ListRevisions :many
-- Newest first: of each revision the first entry of each sort of change, and how many there are.
SELECT w.id, w.revision, w.created_at, w.actor, w.auth_method, w.credential, w.reason, w.request_id,
       w.action, w.resource_type, w.resource_key, w.changes
FROM (SELECT a.id, a.revision, a.created_at, a.actor, a.auth_method, a.credential, a.reason, a.request_id,
             a.action, a.resource_type, a.resource_key,
             COUNT(*) OVER (PARTITION BY a.revision, a.action, a.resource_type) AS changes,
             ROW_NUMBER() OVER (PARTITION BY a.revision, a.action, a.resource_type ORDER BY a.id) AS n
      FROM audit_log a
      WHERE a.tenant_key = sqlc.arg(tenant_key) AND a.revision IN (
          SELECT DISTINCT l.revision FROM audit_log l
          WHERE l.tenant_key = sqlc.arg(tenant_key) AND l.revision < sqlc.arg(before_revision)
          ORDER BY l.revision DESC
          LIMIT CAST(sqlc.arg(row_limit) AS bigint))) w
WHERE w.n = 1
ORDER BY w.revision DESC, w.id;

-- name: CountPacketBodies :one
SELECT COUNT(*) FROM packet_bodies;
