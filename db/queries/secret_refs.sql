-- name: CreateSecretRef :one
INSERT INTO secret_refs (id, tenant_key, secret_key, ref_kind, ref_name, ref_meta, status, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(secret_key), sqlc.arg(ref_kind), sqlc.arg(ref_name), sqlc.arg(ref_meta), sqlc.arg(status), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdateSecretRef :one
UPDATE secret_refs
SET secret_key = sqlc.arg(secret_key), ref_kind = sqlc.arg(ref_kind), ref_name = sqlc.arg(ref_name), ref_meta = sqlc.arg(ref_meta), status = sqlc.arg(status), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetSecretRef :one
SELECT * FROM secret_refs WHERE id = sqlc.arg(id);

-- name: GetSecretRefByKey :one
SELECT * FROM secret_refs WHERE tenant_key = sqlc.arg(tenant_key) AND secret_key = sqlc.arg(secret_key);

-- name: ListSecretRefs :many
SELECT * FROM secret_refs
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(secret_key) AS text) IS NULL OR secret_key = sqlc.narg(secret_key))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteSecretRef :exec
DELETE FROM secret_refs WHERE id = sqlc.arg(id);
