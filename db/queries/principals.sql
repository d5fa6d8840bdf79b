-- name: CreatePrincipal :one
INSERT INTO principals (id, tenant_key, principal_key, auth_subject, principal_type, status, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(principal_key), sqlc.arg(auth_subject), sqlc.arg(principal_type), sqlc.arg(status), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdatePrincipal :one
UPDATE principals
SET principal_key = sqlc.arg(principal_key), auth_subject = sqlc.arg(auth_subject), principal_type = sqlc.arg(principal_type), status = sqlc.arg(status), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetPrincipal :one
SELECT * FROM principals WHERE id = sqlc.arg(id);

-- name: GetPrincipalByKey :one
SELECT * FROM principals WHERE tenant_key = sqlc.arg(tenant_key) AND principal_key = sqlc.arg(principal_key);

-- name: ListPrincipals :many
SELECT * FROM principals
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(auth_subject) AS text) IS NULL OR auth_subject = sqlc.narg(auth_subject))
  AND (CAST(sqlc.narg(status) AS text) IS NULL OR status = sqlc.narg(status))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeletePrincipal :exec
DELETE FROM principals WHERE id = sqlc.arg(id);

-- name: CountOthersOfType :one
-- The active principals of a type beside one.
SELECT COUNT(*) FROM principals
WHERE tenant_key = sqlc.arg(tenant_key) AND status = 'active' AND principal_type = sqlc.arg(principal_type) AND id <> sqlc.arg(except_id);

-- name: ListForeignSubjects :many
-- The subjects that other tenants hold: auth_subject is unique over all of them.
SELECT auth_subject FROM principals WHERE tenant_key <> sqlc.arg(tenant_key);
