-- name: CreateAuditEntry :exec
INSERT INTO audit_log (id, tenant_key, actor, auth_method, action, resource_type, resource_id, resource_key, request_id, remote_addr, before, after, created_at, principal_key, credential, reason, revision)
VALUES (sqlc.arg(id), sqlc.arg(tenant_key), sqlc.arg(actor), sqlc.arg(auth_method), sqlc.arg(action), sqlc.arg(resource_type), sqlc.arg(resource_id), sqlc.arg(resource_key), sqlc.arg(request_id), sqlc.arg(remote_addr), sqlc.narg(before), sqlc.narg(after), sqlc.arg(created_at), sqlc.narg(principal_key), sqlc.narg(credential), sqlc.narg(reason), sqlc.narg(revision));

-- name: ListAuditLog :many
-- Newest first: ids are UUIDv7, so from_id is what since is to the index.
SELECT * FROM audit_log
WHERE (CAST(sqlc.narg(tenant_key) AS text) IS NULL OR tenant_key = sqlc.narg(tenant_key))
  AND (CAST(sqlc.narg(resource_type) AS text) IS NULL OR resource_type = sqlc.narg(resource_type))
  AND (CAST(sqlc.narg(resource_id) AS uuid) IS NULL OR resource_id = sqlc.narg(resource_id))
  AND (CAST(sqlc.narg(resource_key) AS text) IS NULL OR resource_key = sqlc.narg(resource_key))
  AND (CAST(sqlc.narg(principal_key) AS text) IS NULL OR principal_key = sqlc.narg(principal_key))
  AND (CAST(sqlc.narg(actor) AS text) IS NULL OR actor = sqlc.narg(actor))
  AND (CAST(sqlc.narg(revision) AS bigint) IS NULL OR revision = sqlc.narg(revision))
  AND (CAST(sqlc.narg(since) AS timestamptz) IS NULL OR created_at >= sqlc.narg(since))
  AND (CAST(sqlc.narg(until) AS timestamptz) IS NULL OR created_at < sqlc.narg(until))
  AND id < sqlc.arg(before_id) AND id >= sqlc.arg(from_id)
ORDER BY id DESC
LIMIT CAST(sqlc.arg(row_limit) AS bigint);
