-- name: ListCounted :many
-- What was changed after one change, or in it after one startup, as far as it is counted;
-- but for those that are OPEN and were opened from one time on, until another: CountOpened is of those.
SELECT id, tenant_key, principal_id, component_key, instance_id, profile_key, manifest_key, manifest_version, packet_etag, status, source,
    opened_at, deadline_at, ready_at, failed_at, claimed_opened_at, claimed_closed_at, acknowledged_at, build_version, changed, opened_change
FROM startup_sessions
WHERE changed > 0 AND changed >= sqlc.arg(from_change)
  AND (changed > sqlc.arg(from_change) OR id > sqlc.arg(after_id))
  AND (status <> 'OPEN' OR opened_at < sqlc.arg(opened_from) OR opened_at >= sqlc.arg(opened_until))
ORDER BY changed, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: CountOpened :many
-- How many of the OPEN startups that were opened in a time were changed after one change, and opened after that up to another:
-- nearly all there is to count under load, at a fraction of what reading each would cost. For each instance also which was its last.
SELECT tenant_key, profile_key, manifest_key, manifest_version, component_key, source, principal_id, instance_id, COUNT(*) AS n,
    CAST(MAX(CAST(id AS text)) AS text) AS last_id,
    CAST(COALESCE(SUM(CASE WHEN opened_change > sqlc.arg(from_change) AND opened_change <= sqlc.arg(up_to) AND opened_change > sqlc.arg(since) THEN 1 ELSE 0 END), 0) AS bigint) AS opened
FROM startup_sessions
WHERE changed > 0 AND changed > sqlc.arg(from_change)
  AND status = 'OPEN' AND opened_at >= sqlc.arg(opened_from) AND opened_at < sqlc.arg(opened_until)
GROUP BY tenant_key, profile_key, manifest_key, manifest_version, component_key, source, principal_id, instance_id;

-- name: ListWaiting :many
-- The startups that still have time to report, in the order of their deadlines.
SELECT id, tenant_key, component_key, profile_key, manifest_key, manifest_version, opened_at, deadline_at, opened_change
FROM startup_sessions
WHERE status = 'OPEN' AND superseded_at IS NULL AND acknowledged_at IS NULL AND deadline_at >= sqlc.arg(from_deadline)
  AND (deadline_at > sqlc.arg(from_deadline) OR id > sqlc.arg(after_id))
  AND source <> 'bench'
ORDER BY deadline_at, id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: CountOutcome :exec
INSERT INTO outcomes (tenant_key, dimension, name, version, hour, measure, n)
VALUES (sqlc.arg(tenant_key), sqlc.arg(dimension), sqlc.arg(name), sqlc.arg(version), sqlc.arg(hour), sqlc.arg(measure), sqlc.arg(n))
ON CONFLICT (tenant_key, dimension, hour, name, version, measure) DO UPDATE SET n = outcomes.n + excluded.n;

-- name: PassOutcomes :execrows
-- The reader goes on from where it began: nobody has counted this before.
UPDATE sinks SET position = sqlc.arg(position), delivered = delivered + sqlc.arg(counted)
WHERE name = 'outcomes' AND position = sqlc.arg(from_change);

-- name: SumOutcomes :many
SELECT tenant_key, name, version, measure, CAST(SUM(n) AS bigint) AS n FROM outcomes
WHERE dimension = sqlc.arg(dimension) AND hour >= sqlc.arg(since)
  AND (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(name) AS text) IS NULL OR name = sqlc.narg(name))
GROUP BY tenant_key, name, version, measure;

-- name: SumOutcomesByHour :many
SELECT tenant_key, hour, measure, CAST(SUM(n) AS bigint) AS n FROM outcomes
WHERE dimension = 'all' AND hour >= sqlc.arg(since)
  AND (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
GROUP BY tenant_key, hour, measure;

-- name: ListOutcomeNames :many
SELECT DISTINCT name FROM outcomes
WHERE tenant_key = sqlc.arg(tenant_key) AND dimension = sqlc.arg(dimension) AND hour = sqlc.arg(hour)
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteOldOutcomes :execrows
DELETE FROM outcomes WHERE hour < sqlc.arg(before);

-- name: PutRoster :exec
-- The last startup, and its last change; the body is the receipt's.
INSERT INTO roster (principal_id, component_key, instance_id, startup_id, changed, status, opened_at, deadline_at, closed_at, acknowledged_at, build_version,
    manifest_key, manifest_version, packet_etag, packet_body)
VALUES (sqlc.arg(principal_id), sqlc.arg(component_key), sqlc.arg(instance_id), sqlc.arg(startup_id), sqlc.arg(changed), sqlc.arg(status),
    sqlc.arg(opened_at), sqlc.arg(deadline_at), sqlc.narg(closed_at), sqlc.narg(acknowledged_at), sqlc.narg(build_version),
    sqlc.arg(manifest_key), sqlc.arg(manifest_version), sqlc.arg(packet_etag),
    (SELECT s.packet_body FROM startup_sessions s WHERE s.id = sqlc.arg(startup_id)))
ON CONFLICT (principal_id, component_key, instance_id) DO UPDATE SET startup_id = excluded.startup_id, changed = excluded.changed,
    status = excluded.status, opened_at = excluded.opened_at, deadline_at = excluded.deadline_at, closed_at = excluded.closed_at,
    acknowledged_at = excluded.acknowledged_at, build_version = excluded.build_version,
    manifest_key = excluded.manifest_key, manifest_version = excluded.manifest_version, packet_etag = excluded.packet_etag,
    packet_body = COALESCE(excluded.packet_body, CASE WHEN excluded.startup_id = roster.startup_id THEN roster.packet_body END)
WHERE excluded.startup_id > roster.startup_id OR (excluded.startup_id = roster.startup_id AND excluded.changed >= roster.changed);

-- name: ListRoster :many
SELECT * FROM roster
WHERE principal_id > sqlc.arg(after) AND principal_id <= sqlc.arg(up_to)
ORDER BY principal_id, component_key, instance_id;

-- name: ListBound :many
-- The active bindings by their principals, with all that a packet is made of but the secrets.
SELECT b.id AS binding_id, b.tenant_key, b.principal_id, b.profile_id, b.manifest_id, b.overrides, b.expected, b.labels, b.updated_at AS bound_at,
    p.principal_key, p.status
FROM bindings b JOIN principals p ON p.id = b.principal_id
WHERE b.active AND b.principal_id > sqlc.arg(after)
  AND (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR b.tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR p.principal_key = sqlc.narg(principal_key))
ORDER BY b.principal_id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: ForgetInstances :execrows
-- Of each component the newest instances stay, and those of which something is OPEN,
-- which they may supersede; nothing of a principal that is gone.
DELETE FROM roster WHERE startup_id IN (
    SELECT r.startup_id FROM (
        SELECT startup_id, principal_id, ROW_NUMBER() OVER (PARTITION BY principal_id, component_key ORDER BY startup_id DESC) AS nth FROM roster
    ) r
    WHERE NOT EXISTS (SELECT 1 FROM principals p WHERE p.id = r.principal_id)
       OR r.nth > CAST(sqlc.arg(keep) AS bigint) AND r.startup_id NOT IN (
        SELECT i.startup_id FROM startup_sessions s
        JOIN roster i ON i.principal_id = s.principal_id AND i.component_key = s.component_key AND i.instance_id = COALESCE(s.instance_id, '')
        WHERE s.status = 'OPEN' AND s.superseded_at IS NULL AND s.acknowledged_at IS NULL)
);
