-- What only PostgreSQL can say: many rows in one statement, one commit.

-- name: OpenStartups :execrows
-- Like OpenStartup for each row. It tells how many it wrote, not which: nearly
-- always all of them.
INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key, manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, mirror_status)
SELECT u.id, u.tenant_key, u.principal_id, u.principal_key, u.component_key, u.profile_key, u.manifest_key, u.manifest_version, u.packet_id, u.packet_etag, 'OPEN', u.opened_at, u.deadline_at, 'off'
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id,
             unnest(sqlc.arg(tenant_keys)::text[]) AS tenant_key,
             unnest(sqlc.arg(revisions)::bigint[]) AS revision,
             unnest(sqlc.arg(principal_ids)::uuid[]) AS principal_id,
             unnest(sqlc.arg(principal_keys)::text[]) AS principal_key,
             unnest(sqlc.arg(component_keys)::text[]) AS component_key,
             unnest(sqlc.arg(profile_keys)::text[]) AS profile_key,
             unnest(sqlc.arg(manifest_keys)::text[]) AS manifest_key,
             unnest(sqlc.arg(manifest_versions)::bigint[]) AS manifest_version,
             unnest(sqlc.arg(packet_ids)::uuid[]) AS packet_id,
             unnest(sqlc.arg(packet_etags)::text[]) AS packet_etag,
             unnest(sqlc.arg(opened_ats)::timestamptz[]) AS opened_at,
             unnest(sqlc.arg(deadline_ats)::timestamptz[]) AS deadline_at) u
JOIN tenant_revisions r ON r.tenant_key = u.tenant_key AND r.revision = u.revision;

-- name: WhichStartups :many
SELECT id FROM startup_sessions WHERE id = ANY(sqlc.arg(ids)::uuid[]);

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
    build_version = u.build_version, health = u.health, error = u.error, details = u.details
FROM (SELECT unnest(sqlc.arg(ids)::uuid[]) AS id,
             unnest(sqlc.arg(principal_ids)::uuid[]) AS principal_id,
             unnest(sqlc.arg(caller_tenants)::text[]) AS caller_tenant,
             unnest(sqlc.arg(caller_revisions)::bigint[]) AS caller_revision,
             unnest(sqlc.arg(statuses)::text[]) AS status,
             unnest(sqlc.arg(reported_ats)::timestamptz[]) AS reported_at,
             nullif(unnest(sqlc.arg(build_versions)::text[]), '') AS build_version,
             nullif(unnest(sqlc.arg(healths)::text[]), '')::json AS health,
             nullif(unnest(sqlc.arg(errors)::text[]), '') AS error,
             nullif(unnest(sqlc.arg(details)::text[]), '')::json AS details) u
JOIN tenant_revisions r ON r.tenant_key = u.caller_tenant AND r.revision = u.caller_revision
WHERE s.id = u.id AND s.status = 'OPEN' AND s.principal_id = u.principal_id
RETURNING s.id, s.status, CAST(COALESCE(s.ready_at, s.failed_at) AS timestamptz) AS reported_at;
