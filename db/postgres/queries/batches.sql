-- What only PostgreSQL can say: many rows in one statement, one commit.

-- name: OpenStartups :execrows
-- Like OpenStartup for each row, but an id that there is fails them all: store adds
-- what leaves it out, which costs each row a tenth, where it is needed. It tells how
-- many it wrote, not which: nearly always all of them.
INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key, manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, instance_id, host, labels, source, revision, credential, remote_addr, deployment_key, packet_body, changed, opened_change)
SELECT u.id, u.tenant_key, u.principal_id, u.principal_key, u.component_key, u.profile_key, u.manifest_key, u.manifest_version, u.packet_id, u.packet_etag, 'OPEN', u.opened_at, u.deadline_at,
       nullif(u.instance_id, ''), nullif(u.host, ''), nullif(u.labels, '')::json, u.source, r.revision, nullif(u.credential, '')::json, nullif(u.remote_addr, ''),
       nullif(u.deployment_key, ''), nullif(u.packet_body, 0), u.n, u.n
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id,
             unnest(sqlc.arg(tenant_keys)::text[]) AS tenant_key,
             unnest(sqlc.arg(epochs)::bigint[]) AS epoch,
             unnest(sqlc.arg(principal_ids)::uuid[]) AS principal_id,
             unnest(sqlc.arg(principal_keys)::text[]) AS principal_key,
             unnest(sqlc.arg(component_keys)::text[]) AS component_key,
             unnest(sqlc.arg(profile_keys)::text[]) AS profile_key,
             unnest(sqlc.arg(manifest_keys)::text[]) AS manifest_key,
             unnest(sqlc.arg(manifest_versions)::bigint[]) AS manifest_version,
             unnest(sqlc.arg(packet_ids)::uuid[]) AS packet_id,
             unnest(sqlc.arg(packet_etags)::text[]) AS packet_etag,
             unnest(sqlc.arg(opened_ats)::timestamptz[]) AS opened_at,
             unnest(sqlc.arg(deadline_ats)::timestamptz[]) AS deadline_at,
             unnest(sqlc.arg(instance_ids)::text[]) AS instance_id,
             unnest(sqlc.arg(hosts)::text[]) AS host,
             unnest(sqlc.arg(labels)::text[]) AS labels,
             unnest(sqlc.arg(sources)::text[]) AS source,
             unnest(sqlc.arg(credentials)::text[]) AS credential,
             unnest(sqlc.arg(remote_addrs)::text[]) AS remote_addr,
             unnest(sqlc.arg(deployment_keys)::text[]) AS deployment_key,
             unnest(sqlc.arg(packet_bodies)::bigint[]) AS packet_body,
             (SELECT n FROM change_number) AS n) u -- one number for all, taken once
JOIN tenant_revisions r ON r.tenant_key = u.tenant_key AND r.epoch = u.epoch;

-- name: WhichStartups :many
SELECT id, packet_id FROM startup_sessions WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: ListCountedOf :many
-- ListCounted of some ids.
SELECT id, tenant_key, principal_id, component_key, instance_id, profile_key, manifest_key, manifest_version, packet_etag, status, source,
    opened_at, deadline_at, ready_at, failed_at, claimed_opened_at, claimed_closed_at, acknowledged_at, build_version, changed, opened_change
FROM startup_sessions WHERE id = ANY(sqlc.arg(ids)::uuid[]);

-- name: ListLastStarted :many
-- The component that each principal started last.
SELECT k.principal_key, s.component_key
FROM (SELECT CAST(unnest(sqlc.arg(principal_keys)::text[]) AS text) AS principal_key) k
CROSS JOIN LATERAL (
    SELECT component_key FROM startup_sessions
    WHERE tenant_key = sqlc.arg(tenant_key) AND principal_key = k.principal_key
    ORDER BY id DESC
    LIMIT 1) s;

-- name: ReportStartups :many
-- Like ReportStartup for each row. Of two reports for one startup one wins: the
-- returned rows say which, and when.
UPDATE startup_sessions s
SET status = u.status,
    ready_at = CASE WHEN u.status = 'READY' THEN u.reported_at END,
    failed_at = CASE WHEN u.status = 'FAILED' THEN u.reported_at END,
    build_version = CASE WHEN u.status = 'READY' THEN u.build_version END, health = u.health,
    error = CASE WHEN u.status = 'FAILED' THEN u.error END, details = u.details,
    changed = (SELECT n FROM change_number)
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id,
             unnest(sqlc.arg(principal_ids)::uuid[]) AS principal_id,
             unnest(sqlc.arg(caller_tenants)::text[]) AS caller_tenant,
             unnest(sqlc.arg(caller_epochs)::bigint[]) AS caller_epoch,
             unnest(sqlc.arg(statuses)::text[]) AS status,
             unnest(sqlc.arg(reported_ats)::timestamptz[]) AS reported_at,
             unnest(sqlc.arg(build_versions)::text[]) AS build_version,
             nullif(unnest(sqlc.arg(healths)::text[]), '')::json AS health,
             unnest(sqlc.arg(errors)::text[]) AS error,
             nullif(unnest(sqlc.arg(details)::text[]), '')::json AS details) u
JOIN tenant_revisions r ON r.tenant_key = u.caller_tenant AND r.epoch = u.caller_epoch
WHERE s.id = u.id AND s.status = 'OPEN' AND s.principal_id = u.principal_id
RETURNING s.id, s.status, CAST(COALESCE(s.ready_at, s.failed_at) AS timestamptz) AS reported_at;

-- name: PutRosters :exec
-- Like PutRoster for each row; no two are of one instance.
INSERT INTO roster (principal_id, component_key, instance_id, startup_id, changed, status, opened_at, deadline_at, closed_at, acknowledged_at, build_version,
    manifest_key, manifest_version, packet_etag, packet_body)
SELECT u.principal_id, u.component_key, u.instance_id, u.startup_id, u.changed, u.status, u.opened_at, u.deadline_at,
    nullif(u.closed_at, sqlc.arg(never)::timestamptz), nullif(u.acknowledged_at, sqlc.arg(never)::timestamptz), nullif(u.build_version, ''),
    u.manifest_key, u.manifest_version, u.packet_etag, s.packet_body
FROM (SELECT unnest(sqlc.arg(principal_ids)::uuid[]) AS principal_id,
             unnest(sqlc.arg(component_keys)::text[]) AS component_key,
             unnest(sqlc.arg(instance_ids)::text[]) AS instance_id,
             unnest(sqlc.arg(startup_ids)::uuid[]) AS startup_id,
             unnest(sqlc.arg(changes)::bigint[]) AS changed,
             unnest(sqlc.arg(statuses)::text[]) AS status,
             unnest(sqlc.arg(opened_ats)::timestamptz[]) AS opened_at,
             unnest(sqlc.arg(deadline_ats)::timestamptz[]) AS deadline_at,
             unnest(sqlc.arg(closed_ats)::timestamptz[]) AS closed_at,
             unnest(sqlc.arg(acknowledged_ats)::timestamptz[]) AS acknowledged_at,
             unnest(sqlc.arg(build_versions)::text[]) AS build_version,
             unnest(sqlc.arg(manifest_keys)::text[]) AS manifest_key,
             unnest(sqlc.arg(manifest_versions)::bigint[]) AS manifest_version,
             unnest(sqlc.arg(packet_etags)::text[]) AS packet_etag) u
LEFT JOIN startup_sessions s ON s.id = u.startup_id
ON CONFLICT (principal_id, component_key, instance_id) DO UPDATE SET startup_id = excluded.startup_id, changed = excluded.changed,
    status = excluded.status, opened_at = excluded.opened_at, deadline_at = excluded.deadline_at, closed_at = excluded.closed_at,
    acknowledged_at = excluded.acknowledged_at, build_version = excluded.build_version,
    manifest_key = excluded.manifest_key, manifest_version = excluded.manifest_version, packet_etag = excluded.packet_etag,
    packet_body = COALESCE(excluded.packet_body, CASE WHEN excluded.startup_id = roster.startup_id THEN roster.packet_body END)
WHERE excluded.startup_id > roster.startup_id OR (excluded.startup_id = roster.startup_id AND excluded.changed >= roster.changed);
