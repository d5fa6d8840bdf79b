-- name: CreateProfile :one
INSERT INTO profiles (id, tenant_key, profile_key, capabilities, policy, startup_sla_seconds, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(profile_key), sqlc.arg(capabilities), sqlc.arg(policy), sqlc.arg(startup_sla_seconds), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdateProfile :one
UPDATE profiles
SET profile_key = sqlc.arg(profile_key), capabilities = sqlc.arg(capabilities), policy = sqlc.arg(policy), startup_sla_seconds = sqlc.arg(startup_sla_seconds), updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetProfile :one
SELECT * FROM profiles WHERE id = sqlc.arg(id);

-- name: GetProfileByKey :one
SELECT * FROM profiles WHERE tenant_key = sqlc.arg(tenant_key) AND profile_key = sqlc.arg(profile_key);

-- name: ListProfiles :many
SELECT * FROM profiles
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(profile_key) AS text) IS NULL OR profile_key = sqlc.narg(profile_key))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteProfile :exec
DELETE FROM profiles WHERE id = sqlc.arg(id);
