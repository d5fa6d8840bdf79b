package original

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// Rows as they are there. What may be NULL there is a pointer here, or has its
// column's default; a document that is NULL, or JSON's null, is nil.
type (
	secretRef struct {
		Tenant, Key, Kind, Name string
		Meta                    json.RawMessage
		Active                  bool
	}
	profile struct {
		ID, Tenant, Key      string
		Capabilities, Policy json.RawMessage
		SLA                  int64
	}
	manifest struct {
		ID, Tenant, Key, Deployment                        string
		Environment, Services, MemoryMap, Polling, Schemas json.RawMessage
		Version                                            int64
	}
	principal struct {
		ID, Tenant, Key, Subject, Type string
		Active                         bool
	}
	binding struct {
		ID, Tenant                   string
		Principal, Profile, Manifest *string
		Overrides                    json.RawMessage
		Active                       bool
	}
	apiKey struct {
		ID, Tenant string
		Principal  *string
		Name, Hash string
		Opens      bool
		ExpiresAt  *time.Time
	}
)

type rows struct {
	secretRefs []secretRef
	profiles   []profile
	manifests  []manifest
	principals []principal
	bindings   []binding
	apiKeys    []apiKey
}

// read reads each table in an order that stays the same. Of a principal's bindings
// the newest comes first: it is the one that the original meant to be active.
func (r *rows) read(ctx context.Context, tx pgx.Tx) (err error) {
	collect(ctx, tx, &err, &r.secretRefs, `SELECT coalesce(tenant_key, 'default'), secret_key, coalesce(ref_kind, 'env'), ref_name,
		nullif(ref_meta::text, 'null'), coalesce(status = 'active', false) FROM secret_refs ORDER BY 1, 2`)
	collect(ctx, tx, &err, &r.profiles, `SELECT id::text, coalesce(tenant_key, 'default'), profile_key,
		nullif(capabilities::text, 'null'), nullif(policy::text, 'null'), coalesce(startup_sla_seconds, 0)::bigint FROM profiles ORDER BY 2, 3`)
	collect(ctx, tx, &err, &r.manifests, `SELECT id::text, coalesce(tenant_key, 'default'), manifest_key, coalesce(deployment_key, ''),
		nullif(environment::text, 'null'), nullif(services::text, 'null'), nullif(memory_map::text, 'null'),
		nullif(polling::text, 'null'), nullif(schemas::text, 'null'), coalesce(version, 0)::bigint FROM manifests ORDER BY 2, 3`)
	collect(ctx, tx, &err, &r.principals, `SELECT id::text, coalesce(tenant_key, 'default'), principal_key, auth_subject, principal_type,
		coalesce(status = 'active', false) FROM principals ORDER BY 2, 3`)
	collect(ctx, tx, &err, &r.bindings, `SELECT id::text, coalesce(tenant_key, 'default'), principal_id::text, profile_id::text, manifest_id::text,
		nullif(overrides::text, 'null'), coalesce(active, false) FROM bindings ORDER BY 2, created_at DESC NULLS LAST, 1`)
	collect(ctx, tx, &err, &r.apiKeys, `SELECT id::text, coalesce(tenant_key, 'default'), principal_id::text, name, key_hash,
		coalesce(status = 'active' AND (expires_at IS NULL OR expires_at > now()), false), CASE WHEN isfinite(expires_at) THEN expires_at END FROM api_keys ORDER BY 2, 4, 1`)
	return err
}

// collect reads into out what sql says, unless something went wrong before.
func collect[T any](ctx context.Context, tx pgx.Tx, err *error, out *[]T, sql string) {
	if *err == nil {
		found, _ := tx.Query(ctx, sql) // CollectRows tells
		*out, *err = pgx.CollectRows(found, pgx.RowToStructByPos[T])
	}
}
