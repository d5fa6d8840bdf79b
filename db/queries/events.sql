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

-- name: ListEventful :many
-- The startups that make events beside being overdue, of changes after one and up to another, in this order; and what
-- is recorded of each. The conditions are those of the index startup_sessions_eventful.
SELECT s.id, s.tenant_key, s.principal_id, s.principal_key, s.component_key, s.instance_id, s.host, s.labels, s.profile_key, s.manifest_key, s.manifest_version, s.deployment_key,
    s.status, s.source, s.opened_at, s.deadline_at, s.ready_at, s.failed_at, s.build_version, s.error, s.remote_addr, s.superseded_by, s.superseded_at, s.acknowledged_at,
    s.claimed_opened_at, s.claimed_closed_at, s.changed, b.labels AS owner,
    CAST(COALESCE((SELECT 1 FROM events e WHERE e.type = 'startup.overdue' AND e.about = CAST(s.id AS text)), 0) AS bigint) AS overdue_told,
    CAST(COALESCE((SELECT 1 FROM events e WHERE e.type = 'startup.superseded' AND e.about = CAST(s.id AS text)), 0) AS bigint) AS superseded_told,
    CAST(COALESCE((SELECT 1 FROM events e WHERE e.type = 'startup.late' AND e.about = CAST(s.id AS text)), 0) AS bigint) AS late_told,
    CAST(COALESCE((SELECT 1 FROM events e WHERE e.type = 'startup.failed' AND e.about = CAST(s.id AS text)), 0) AS bigint) AS failed_told
FROM startup_sessions s LEFT JOIN bindings b ON b.principal_id = s.principal_id AND b.active
WHERE s.changed > 0 AND (s.status = 'FAILED' OR s.ready_at > s.deadline_at OR s.superseded_at IS NOT NULL OR s.acknowledged_at IS NOT NULL
        OR (s.source = 'cache' AND s.status = 'OPEN'))
  AND s.changed > sqlc.arg(from_change) AND s.changed <= sqlc.arg(up_to)
ORDER BY s.changed, s.id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListOverdue :many
-- The startups that are OPEN past a deadline after one time and up to another and that nothing has ended, of
-- which it isn't recorded yet, by deadline.
SELECT s.id, s.tenant_key, s.principal_id, s.principal_key, s.component_key, s.instance_id, s.host, s.labels, s.profile_key, s.manifest_key, s.manifest_version, s.deployment_key,
    s.status, s.source, s.opened_at, s.deadline_at, s.ready_at, s.failed_at, s.build_version, s.error, s.remote_addr, s.superseded_by, s.superseded_at, s.acknowledged_at,
    s.claimed_opened_at, s.claimed_closed_at, s.changed, b.labels AS owner
FROM startup_sessions s LEFT JOIN bindings b ON b.principal_id = s.principal_id AND b.active
WHERE s.status = 'OPEN' AND s.superseded_at IS NULL AND s.acknowledged_at IS NULL
  AND s.deadline_at > sqlc.arg(after) AND s.deadline_at <= sqlc.arg(up_to) AND s.source <> 'bench'
  AND CAST(COALESCE((SELECT 1 FROM events e WHERE e.type = 'startup.overdue' AND e.about = CAST(s.id AS text)), 0) AS bigint) = 0
ORDER BY s.deadline_at
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListNewRevisions :many
-- The tenants that are at another revision than the last that is recorded.
SELECT t.tenant_key, t.revision, CAST(COALESCE(r.revision, 0) AS bigint) AS recorded
FROM tenant_revisions t LEFT JOIN event_revisions r ON r.tenant_key = t.tenant_key
WHERE t.revision > COALESCE(r.revision, 0)
ORDER BY t.tenant_key
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListWorldChanges :many
-- What a tenant's revisions after one and up to another changed, oldest first: of each the first entry of each sort
-- of change, and how many there are. What became of startups is none.
SELECT w.revision, w.created_at, w.actor, w.auth_method, w.credential, w.reason, w.request_id, w.action, w.resource_type, w.resource_key, w.changes
FROM (SELECT a.id, a.revision, a.created_at, a.actor, a.auth_method, a.credential, a.reason, a.request_id,
             a.action, a.resource_type, a.resource_key,
             COUNT(*) OVER (PARTITION BY a.revision, a.action, a.resource_type) AS changes,
             ROW_NUMBER() OVER (PARTITION BY a.revision, a.action, a.resource_type ORDER BY a.id) AS n
      FROM audit_log a
      WHERE a.tenant_key = sqlc.arg(tenant_key) AND a.resource_type <> 'startup' AND a.revision IN (
          SELECT DISTINCT l.revision FROM audit_log l
          WHERE l.tenant_key = sqlc.arg(tenant_key) AND l.revision > sqlc.arg(after) AND l.revision <= sqlc.arg(up_to)
          ORDER BY l.revision
          LIMIT CAST(sqlc.arg(row_limit) AS bigint))) w
WHERE w.n = 1
ORDER BY w.revision, w.id;

-- name: LastOfRevisions :one
-- How far a page of ListWorldChanges goes: 0 where there is nothing.
SELECT CAST(COALESCE(MAX(p.revision), 0) AS bigint) AS last_revision, COUNT(*) AS revisions FROM (
    SELECT DISTINCT l.revision FROM audit_log l
    WHERE l.tenant_key = sqlc.arg(tenant_key) AND l.revision > sqlc.arg(after) AND l.revision <= sqlc.arg(up_to)
    ORDER BY l.revision
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)) p;

-- name: PutEventRevision :exec
INSERT INTO event_revisions (tenant_key, revision) VALUES (sqlc.arg(tenant_key), sqlc.arg(revision))
ON CONFLICT (tenant_key) DO UPDATE SET revision = excluded.revision;

-- name: ListKnownRefused :many
-- The refusals of credentials that are known, but good no more: after one, or since a time.
SELECT * FROM refusals
WHERE last_at >= sqlc.arg(since) AND (last_at > sqlc.arg(since) OR id > sqlc.arg(after_id))
  AND code = 'UNAUTHENTICATED' AND principal_key <> ''
ORDER BY last_at, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ListTwins :many
-- The instances that were started from several addresses among some startups.
SELECT s.tenant_key, s.principal_id, s.principal_key, s.component_key, CAST(s.instance_id AS text) AS instance_id, COUNT(*) AS starts
FROM startup_sessions s
WHERE s.id >= sqlc.arg(from_id) AND s.id < sqlc.arg(until_id) AND s.instance_id IS NOT NULL AND s.source = 'live'
GROUP BY s.tenant_key, s.principal_id, s.principal_key, s.component_key, s.instance_id
HAVING COUNT(*) > 1 AND MIN(s.remote_addr) <> MAX(s.remote_addr)
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: HasEvent :one
SELECT CAST(COUNT(*) AS bigint) FROM events WHERE type = sqlc.arg(type) AND about = sqlc.arg(about);

-- name: PassEvents :execrows
-- Nobody has recorded anything since the recorder looked.
UPDATE sinks SET position = sqlc.arg(position), delivered = delivered + sqlc.arg(recorded)
WHERE name = 'events' AND position = sqlc.arg(from_change) AND delivered = sqlc.arg(last_seq);

-- name: MoveReader :exec
-- Where a reader of times is.
UPDATE sinks SET position = sqlc.arg(position) WHERE name = sqlc.arg(name) AND position < sqlc.arg(position);

-- name: DeleteOldEvents :execrows
-- One small batch, oldest first: what was recorded before a time and all sinks have taken, and what is older still.
DELETE FROM events WHERE seq IN (
    SELECT e.seq FROM events e
    WHERE e.recorded_at < sqlc.arg(before) AND (e.recorded_at < sqlc.arg(whatever)
        OR e.seq <= COALESCE((SELECT MIN(k.position) FROM sinks k WHERE k.kind = 'webhook' AND k.disabled_at IS NULL), e.seq))
    ORDER BY e.seq
    LIMIT CAST(sqlc.arg(row_limit) AS bigint)
);
