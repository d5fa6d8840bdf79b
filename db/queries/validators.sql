-- name: CreateValidator :one
INSERT INTO validators (id, tenant_key, validator_key, description, target, applies_to, mode, accept_present, document, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(validator_key), sqlc.arg(description), sqlc.arg(target), sqlc.narg(applies_to), sqlc.arg(mode), sqlc.arg(accept_present), sqlc.arg(document), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdateValidator :one
UPDATE validators
SET validator_key = sqlc.arg(validator_key), description = sqlc.arg(description), target = sqlc.arg(target), applies_to = sqlc.narg(applies_to), mode = sqlc.arg(mode),
    accept_present = sqlc.arg(accept_present), document = sqlc.arg(document), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetValidator :one
SELECT * FROM validators WHERE id = sqlc.arg(id);

-- name: GetValidatorByKey :one
SELECT * FROM validators WHERE tenant_key = sqlc.arg(tenant_key) AND validator_key = sqlc.arg(validator_key);

-- name: ListValidators :many
SELECT * FROM validators
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(validator_key) AS text) IS NULL OR validator_key = sqlc.narg(validator_key))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: HasValidators :one
SELECT EXISTS (SELECT 1 FROM validators WHERE tenant_key = sqlc.arg(tenant_key)) AS has;

-- name: DeleteValidator :exec
DELETE FROM validators WHERE id = sqlc.arg(id);
