-- name: CreateBinding :one
INSERT INTO bindings (id, tenant_key, principal_id, profile_id, manifest_id, overrides, active, created_at, updated_at, expected, labels)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(principal_id), sqlc.arg(profile_id), sqlc.arg(manifest_id), sqlc.arg(overrides), sqlc.arg(active), sqlc.arg(created_at), sqlc.arg(updated_at), sqlc.narg(expected), sqlc.narg(labels))
RETURNING *;

-- name: UpdateBinding :one
UPDATE bindings
SET profile_id = sqlc.arg(profile_id), manifest_id = sqlc.arg(manifest_id), overrides = sqlc.arg(overrides), active = sqlc.arg(active), updated_at = sqlc.arg(updated_at),
    expected = sqlc.narg(expected), labels = sqlc.narg(labels)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetBinding :one
SELECT * FROM bindings WHERE id = sqlc.arg(id);

-- name: ListBindings :many
SELECT * FROM bindings
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(principal_id) AS uuid) IS NULL OR principal_id = sqlc.narg(principal_id))
  AND (CAST(sqlc.narg(profile_id) AS uuid) IS NULL OR profile_id = sqlc.narg(profile_id))
  AND (CAST(sqlc.narg(manifest_id) AS uuid) IS NULL OR manifest_id = sqlc.narg(manifest_id))
  AND (CAST(sqlc.narg(active) AS boolean) IS NULL OR active = sqlc.narg(active))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteBinding :exec
DELETE FROM bindings WHERE id = sqlc.arg(id);
