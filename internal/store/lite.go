package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/postgres"
	"github.com/legivellum/metagate/gen/sqlite"
)

// lite lets the SQLite queries stand in for the PostgreSQL ones. The structs
// are identical, so each method is a conversion; where the two schemas drift
// apart this file doesn't compile. Reads go to r, writes to the one writer w.
type lite struct{ r, w *sqlite.Queries }

var _ postgres.Querier = lite{}

func convert[A, B any](rows []A, f func(A) B) []B {
	out := make([]B, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

func (q lite) AcknowledgeStartup(ctx context.Context, arg postgres.AcknowledgeStartupParams) (postgres.StartupSession, error) {
	row, err := q.w.AcknowledgeStartup(ctx, sqlite.AcknowledgeStartupParams(arg))
	return postgres.StartupSession(row), err
}

func (q lite) CountOpenStartups(ctx context.Context, now time.Time) (postgres.CountOpenStartupsRow, error) {
	row, err := q.r.CountOpenStartups(ctx, now)
	return postgres.CountOpenStartupsRow(row), err
}

func (q lite) CountOtherAdmins(ctx context.Context, arg postgres.CountOtherAdminsParams) (int64, error) {
	return q.r.CountOtherAdmins(ctx, sqlite.CountOtherAdminsParams(arg))
}

func (q lite) CreateAPIKey(ctx context.Context, arg postgres.CreateAPIKeyParams) (postgres.APIKey, error) {
	row, err := q.w.CreateAPIKey(ctx, sqlite.CreateAPIKeyParams(arg))
	return postgres.APIKey(row), err
}

func (q lite) CreateAuditEntry(ctx context.Context, arg postgres.CreateAuditEntryParams) error {
	return q.w.CreateAuditEntry(ctx, sqlite.CreateAuditEntryParams(arg))
}

func (q lite) CreateBinding(ctx context.Context, arg postgres.CreateBindingParams) (postgres.Binding, error) {
	row, err := q.w.CreateBinding(ctx, sqlite.CreateBindingParams(arg))
	return postgres.Binding(row), err
}

func (q lite) CreateManifest(ctx context.Context, arg postgres.CreateManifestParams) (postgres.Manifest, error) {
	row, err := q.w.CreateManifest(ctx, sqlite.CreateManifestParams(arg))
	return postgres.Manifest(row), err
}

func (q lite) CreatePrincipal(ctx context.Context, arg postgres.CreatePrincipalParams) (postgres.Principal, error) {
	row, err := q.w.CreatePrincipal(ctx, sqlite.CreatePrincipalParams(arg))
	return postgres.Principal(row), err
}

func (q lite) CreateProfile(ctx context.Context, arg postgres.CreateProfileParams) (postgres.Profile, error) {
	row, err := q.w.CreateProfile(ctx, sqlite.CreateProfileParams(arg))
	return postgres.Profile(row), err
}

func (q lite) CreateSecretRef(ctx context.Context, arg postgres.CreateSecretRefParams) (postgres.SecretRef, error) {
	row, err := q.w.CreateSecretRef(ctx, sqlite.CreateSecretRefParams(arg))
	return postgres.SecretRef(row), err
}

func (q lite) DeleteBinding(ctx context.Context, id uuid.UUID) error {
	return q.w.DeleteBinding(ctx, id)
}

func (q lite) DeleteManifest(ctx context.Context, id uuid.UUID) error {
	return q.w.DeleteManifest(ctx, id)
}

func (q lite) DeleteOldStartups(ctx context.Context, arg postgres.DeleteOldStartupsParams) (int64, error) {
	return q.w.DeleteOldStartups(ctx, sqlite.DeleteOldStartupsParams(arg))
}

func (q lite) DeletePrincipal(ctx context.Context, id uuid.UUID) error {
	return q.w.DeletePrincipal(ctx, id)
}

func (q lite) DeleteProfile(ctx context.Context, id uuid.UUID) error {
	return q.w.DeleteProfile(ctx, id)
}

func (q lite) DeleteSecretRef(ctx context.Context, id uuid.UUID) error {
	return q.w.DeleteSecretRef(ctx, id)
}

func (q lite) GetAPIKey(ctx context.Context, id uuid.UUID) (postgres.APIKey, error) {
	row, err := q.r.GetAPIKey(ctx, id)
	return postgres.APIKey(row), err
}

func (q lite) GetAPIKeyByHash(ctx context.Context, keyHash string) (postgres.APIKey, error) {
	row, err := q.r.GetAPIKeyByHash(ctx, keyHash)
	return postgres.APIKey(row), err
}

func (q lite) GetBinding(ctx context.Context, id uuid.UUID) (postgres.Binding, error) {
	row, err := q.r.GetBinding(ctx, id)
	return postgres.Binding(row), err
}

func (q lite) GetIdentityByKeyHash(ctx context.Context, keyHash string) (postgres.GetIdentityByKeyHashRow, error) {
	row, err := q.r.GetIdentityByKeyHash(ctx, keyHash)
	return postgres.GetIdentityByKeyHashRow(row), err
}

func (q lite) GetIdentityBySubject(ctx context.Context, authSubject string) (postgres.GetIdentityBySubjectRow, error) {
	row, err := q.r.GetIdentityBySubject(ctx, authSubject)
	return postgres.GetIdentityBySubjectRow(row), err
}

func (q lite) GetManifest(ctx context.Context, id uuid.UUID) (postgres.Manifest, error) {
	row, err := q.r.GetManifest(ctx, id)
	return postgres.Manifest(row), err
}

func (q lite) GetManifestByKey(ctx context.Context, arg postgres.GetManifestByKeyParams) (postgres.Manifest, error) {
	row, err := q.r.GetManifestByKey(ctx, sqlite.GetManifestByKeyParams(arg))
	return postgres.Manifest(row), err
}

func (q lite) GetPrincipal(ctx context.Context, id uuid.UUID) (postgres.Principal, error) {
	row, err := q.r.GetPrincipal(ctx, id)
	return postgres.Principal(row), err
}

func (q lite) GetPrincipalByKey(ctx context.Context, arg postgres.GetPrincipalByKeyParams) (postgres.Principal, error) {
	row, err := q.r.GetPrincipalByKey(ctx, sqlite.GetPrincipalByKeyParams(arg))
	return postgres.Principal(row), err
}

func (q lite) GetProfile(ctx context.Context, id uuid.UUID) (postgres.Profile, error) {
	row, err := q.r.GetProfile(ctx, id)
	return postgres.Profile(row), err
}

func (q lite) GetProfileByKey(ctx context.Context, arg postgres.GetProfileByKeyParams) (postgres.Profile, error) {
	row, err := q.r.GetProfileByKey(ctx, sqlite.GetProfileByKeyParams(arg))
	return postgres.Profile(row), err
}

func (q lite) GetRevision(ctx context.Context, tenantKey string) (postgres.GetRevisionRow, error) {
	row, err := q.r.GetRevision(ctx, tenantKey)
	return postgres.GetRevisionRow(row), err
}

func (q lite) ListAlarms(ctx context.Context, arg postgres.ListAlarmsParams) ([]postgres.ListAlarmsRow, error) {
	rows, err := q.r.ListAlarms(ctx, sqlite.ListAlarmsParams(arg))
	return convert(rows, func(r sqlite.ListAlarmsRow) postgres.ListAlarmsRow { return postgres.ListAlarmsRow(r) }), err
}

func (q lite) LockTenant(ctx context.Context, arg postgres.LockTenantParams) (postgres.LockTenantRow, error) {
	row, err := q.w.LockTenant(ctx, sqlite.LockTenantParams(arg))
	return postgres.LockTenantRow(row), err
}

func (q lite) SetRevision(ctx context.Context, arg postgres.SetRevisionParams) error {
	return q.w.SetRevision(ctx, sqlite.SetRevisionParams(arg))
}

func (q lite) SupersedeStartup(ctx context.Context, arg postgres.SupersedeStartupParams) (int64, error) {
	return q.w.SupersedeStartup(ctx, sqlite.SupersedeStartupParams(arg))
}

func (q lite) GetSecretRef(ctx context.Context, id uuid.UUID) (postgres.SecretRef, error) {
	row, err := q.r.GetSecretRef(ctx, id)
	return postgres.SecretRef(row), err
}

func (q lite) GetStartup(ctx context.Context, id uuid.UUID) (postgres.StartupSession, error) {
	row, err := q.r.GetStartup(ctx, id)
	return postgres.StartupSession(row), err
}

func (q lite) ListAPIKeys(ctx context.Context, arg postgres.ListAPIKeysParams) ([]postgres.APIKey, error) {
	rows, err := q.r.ListAPIKeys(ctx, sqlite.ListAPIKeysParams(arg))
	return convert(rows, func(r sqlite.APIKey) postgres.APIKey { return postgres.APIKey(r) }), err
}

func (q lite) ListActiveSecretRefs(ctx context.Context, tenantKey string) ([]postgres.SecretRef, error) {
	rows, err := q.r.ListActiveSecretRefs(ctx, tenantKey)
	return convert(rows, func(r sqlite.SecretRef) postgres.SecretRef { return postgres.SecretRef(r) }), err
}

func (q lite) ListAuditLog(ctx context.Context, arg postgres.ListAuditLogParams) ([]postgres.AuditLog, error) {
	rows, err := q.r.ListAuditLog(ctx, sqlite.ListAuditLogParams(arg))
	return convert(rows, func(r sqlite.AuditLog) postgres.AuditLog { return postgres.AuditLog(r) }), err
}

func (q lite) ListBindings(ctx context.Context, arg postgres.ListBindingsParams) ([]postgres.Binding, error) {
	rows, err := q.r.ListBindings(ctx, sqlite.ListBindingsParams(arg))
	return convert(rows, func(r sqlite.Binding) postgres.Binding { return postgres.Binding(r) }), err
}

func (q lite) ListForeignSubjects(ctx context.Context, tenantKey string) ([]string, error) {
	return q.r.ListForeignSubjects(ctx, tenantKey)
}

func (q lite) ListGoodKeyHashes(ctx context.Context, now *time.Time) ([]string, error) {
	return q.r.ListGoodKeyHashes(ctx, now)
}

func (q lite) ListManifests(ctx context.Context, arg postgres.ListManifestsParams) ([]postgres.Manifest, error) {
	rows, err := q.r.ListManifests(ctx, sqlite.ListManifestsParams(arg))
	return convert(rows, func(r sqlite.Manifest) postgres.Manifest { return postgres.Manifest(r) }), err
}

func (q lite) ListPrincipals(ctx context.Context, arg postgres.ListPrincipalsParams) ([]postgres.Principal, error) {
	rows, err := q.r.ListPrincipals(ctx, sqlite.ListPrincipalsParams(arg))
	return convert(rows, func(r sqlite.Principal) postgres.Principal { return postgres.Principal(r) }), err
}

func (q lite) ListProfiles(ctx context.Context, arg postgres.ListProfilesParams) ([]postgres.Profile, error) {
	rows, err := q.r.ListProfiles(ctx, sqlite.ListProfilesParams(arg))
	return convert(rows, func(r sqlite.Profile) postgres.Profile { return postgres.Profile(r) }), err
}

func (q lite) ListSecretRefs(ctx context.Context, arg postgres.ListSecretRefsParams) ([]postgres.SecretRef, error) {
	rows, err := q.r.ListSecretRefs(ctx, sqlite.ListSecretRefsParams(arg))
	return convert(rows, func(r sqlite.SecretRef) postgres.SecretRef { return postgres.SecretRef(r) }), err
}

func (q lite) ListStartups(ctx context.Context, arg postgres.ListStartupsParams) ([]postgres.StartupSession, error) {
	rows, err := q.r.ListStartups(ctx, sqlite.ListStartupsParams(arg))
	return convert(rows, func(r sqlite.StartupSession) postgres.StartupSession { return postgres.StartupSession(r) }), err
}

func (q lite) OpenStartup(ctx context.Context, arg postgres.OpenStartupParams) (int64, error) {
	return q.w.OpenStartup(ctx, sqlite.OpenStartupParams(arg))
}

func (q lite) ReportStartup(ctx context.Context, arg postgres.ReportStartupParams) (int64, error) {
	return q.w.ReportStartup(ctx, sqlite.ReportStartupParams(arg))
}

func (q lite) TouchAPIKey(ctx context.Context, arg postgres.TouchAPIKeyParams) error {
	return q.w.TouchAPIKey(ctx, sqlite.TouchAPIKeyParams(arg))
}

func (q lite) UpdateAPIKey(ctx context.Context, arg postgres.UpdateAPIKeyParams) (postgres.APIKey, error) {
	row, err := q.w.UpdateAPIKey(ctx, sqlite.UpdateAPIKeyParams(arg))
	return postgres.APIKey(row), err
}

func (q lite) UpdateBinding(ctx context.Context, arg postgres.UpdateBindingParams) (postgres.Binding, error) {
	row, err := q.w.UpdateBinding(ctx, sqlite.UpdateBindingParams(arg))
	return postgres.Binding(row), err
}

func (q lite) UpdateManifest(ctx context.Context, arg postgres.UpdateManifestParams) (postgres.Manifest, error) {
	row, err := q.w.UpdateManifest(ctx, sqlite.UpdateManifestParams(arg))
	return postgres.Manifest(row), err
}

func (q lite) UpdatePrincipal(ctx context.Context, arg postgres.UpdatePrincipalParams) (postgres.Principal, error) {
	row, err := q.w.UpdatePrincipal(ctx, sqlite.UpdatePrincipalParams(arg))
	return postgres.Principal(row), err
}

func (q lite) UpdateProfile(ctx context.Context, arg postgres.UpdateProfileParams) (postgres.Profile, error) {
	row, err := q.w.UpdateProfile(ctx, sqlite.UpdateProfileParams(arg))
	return postgres.Profile(row), err
}

func (q lite) UpdateSecretRef(ctx context.Context, arg postgres.UpdateSecretRefParams) (postgres.SecretRef, error) {
	row, err := q.w.UpdateSecretRef(ctx, sqlite.UpdateSecretRefParams(arg))
	return postgres.SecretRef(row), err
}
