-- name: CreateAPIKey :one
INSERT INTO api_keys (id, tenant_key, principal_id, name, key_hash, status, expires_at, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(principal_id), sqlc.arg(name), sqlc.arg(key_hash), sqlc.arg(status), sqlc.narg(expires_at), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdateAPIKey :one
UPDATE api_keys
SET name = sqlc.arg(name), status = sqlc.arg(status), expires_at = sqlc.narg(expires_at), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetAPIKey :one
SELECT * FROM api_keys WHERE id = sqlc.arg(id);

-- name: GetAPIKeyByHash :one
SELECT * FROM api_keys WHERE key_hash = sqlc.arg(key_hash);

-- name: ListGoodKeyHashes :many
-- Of all tenants: those that open a door, now.
SELECT key_hash FROM api_keys
WHERE status = 'active' AND (expires_at IS NULL OR expires_at > sqlc.arg(now));

-- name: TouchAPIKey :exec
UPDATE api_keys SET last_used_at = sqlc.arg(last_used_at)
WHERE id = sqlc.arg(id) AND (last_used_at IS NULL OR last_used_at < sqlc.arg(last_used_at));

-- name: ListAPIKeys :many
SELECT * FROM api_keys
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(principal_id) AS uuid) IS NULL OR principal_id = sqlc.narg(principal_id))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);
