-- name: CreateManifest :one
INSERT INTO manifests (id, tenant_key, manifest_key, deployment_key, environment, services, memory_map, polling, schemas, version, created_at, updated_at)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(manifest_key), sqlc.arg(deployment_key), sqlc.arg(environment), sqlc.arg(services), sqlc.arg(memory_map), sqlc.arg(polling), sqlc.arg(schemas), sqlc.arg(version), sqlc.arg(created_at), sqlc.arg(updated_at))
RETURNING *;

-- name: UpdateManifest :one
UPDATE manifests
SET manifest_key = sqlc.arg(manifest_key), deployment_key = sqlc.arg(deployment_key), environment = sqlc.arg(environment), services = sqlc.arg(services), memory_map = sqlc.arg(memory_map), polling = sqlc.arg(polling), schemas = sqlc.arg(schemas), version = version + 1, updated_at = sqlc.arg(updated_at)
WHERE id = sqlc.arg(id)
RETURNING *;

-- name: GetManifest :one
SELECT * FROM manifests WHERE id = sqlc.arg(id);

-- name: GetManifestByKey :one
SELECT * FROM manifests WHERE tenant_key = sqlc.arg(tenant_key) AND manifest_key = sqlc.arg(manifest_key);

-- name: ListManifests :many
SELECT * FROM manifests
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(manifest_key) AS text) IS NULL OR manifest_key = sqlc.narg(manifest_key))
  AND (CAST(sqlc.narg(deployment_key) AS text) IS NULL OR deployment_key = sqlc.narg(deployment_key))
  AND id > sqlc.arg(after)
ORDER BY id
LIMIT CAST(sqlc.arg(row_limit) AS bigint);

-- name: DeleteManifest :exec
DELETE FROM manifests WHERE id = sqlc.arg(id);

-- name: ListManifestVersions :many
-- The versions that manifests have now, in whichever tenants: those written last.
SELECT manifest_key, CAST(MAX(version) AS bigint) AS version FROM manifests
GROUP BY manifest_key
ORDER BY MAX(updated_at) DESC, manifest_key
LIMIT CAST(sqlc.arg(row_limit) AS bigint);
