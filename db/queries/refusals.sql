-- name: PutRefusal :exec
INSERT INTO refusals (id, tenant_key, code, operation, principal_key, key_prefix, component_key, remote_addr, n, first_at, last_at, detail)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(code), sqlc.arg(operation), sqlc.arg(principal_key), sqlc.arg(key_prefix), sqlc.arg(component_key),
    sqlc.arg(remote_addr), sqlc.arg(n), sqlc.arg(first_at), sqlc.arg(last_at), sqlc.arg(detail))
ON CONFLICT (tenant_key, code, operation, principal_key, key_prefix, component_key, remote_addr)
DO UPDATE SET n = refusals.n + excluded.n, detail = excluded.detail,
    last_at = CASE WHEN excluded.last_at > refusals.last_at THEN excluded.last_at ELSE refusals.last_at END;

-- name: ListRefusals :many
-- In the order of their first time, the latest first.
SELECT * FROM refusals
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key)
    OR (CAST(sqlc.arg(unknown) AS boolean) AND tenant_key = ''))
  AND (CAST(sqlc.narg(code) AS text) IS NULL OR code = sqlc.narg(code))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(since) AS timestamptz) IS NULL OR last_at >= sqlc.narg(since))
  AND id < sqlc.arg(before_id)
ORDER BY id DESC
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteOldRefusals :execrows
DELETE FROM refusals WHERE last_at < sqlc.arg(before);

-- name: DeleteRefusalsBeyond :execrows
DELETE FROM refusals WHERE id IN (
    SELECT r.id FROM refusals r ORDER BY r.last_at DESC, r.id DESC LIMIT 1000000 OFFSET CAST(sqlc.arg(keep) AS bigint)
);
