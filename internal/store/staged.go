package store

import (
	"context"
	"errors"
)

// Staged writes much in a short transaction. record's Queries write nothing yet:
// what they are told is kept, and only then a transaction is begun that confirm
// checks, and that writes it all, in order but for the audit log. They read nothing
// either: a Create returns the row it will write, an Update an empty one.
func (s *Store) Staged(ctx context.Context, record, confirm func(Queries) error) error {
	return s.engine.staged(ctx, record, confirm)
}

// errRecorded is what a row is scanned to that isn't there yet.
var errRecorded = errors.New("recorded, not written yet")

// recording are Queries whose connection records.
type recording struct{ Queries }

func unscanned[R any](row R, err error) (R, error) {
	if errors.Is(err, errRecorded) {
		err = nil
	}
	return row, err
}

func (q recording) CreateSecretRef(ctx context.Context, p CreateSecretRefParams) (SecretRef, error) {
	_, err := q.Queries.CreateSecretRef(ctx, p)
	return unscanned(SecretRef(p), err)
}

func (q recording) CreateProfile(ctx context.Context, p CreateProfileParams) (Profile, error) {
	_, err := q.Queries.CreateProfile(ctx, p)
	return unscanned(Profile(p), err)
}

func (q recording) CreateManifest(ctx context.Context, p CreateManifestParams) (Manifest, error) {
	_, err := q.Queries.CreateManifest(ctx, p)
	return unscanned(Manifest(p), err)
}

func (q recording) CreatePrincipal(ctx context.Context, p CreatePrincipalParams) (Principal, error) {
	_, err := q.Queries.CreatePrincipal(ctx, p)
	return unscanned(Principal(p), err)
}

func (q recording) CreateBinding(ctx context.Context, p CreateBindingParams) (Binding, error) {
	_, err := q.Queries.CreateBinding(ctx, p)
	return unscanned(Binding(p), err)
}

func (q recording) CreateValidator(ctx context.Context, p CreateValidatorParams) (Validator, error) {
	_, err := q.Queries.CreateValidator(ctx, p)
	return unscanned(Validator(p), err)
}

func (q recording) CreateAPIKey(ctx context.Context, p CreateAPIKeyParams) (APIKey, error) {
	_, err := q.Queries.CreateAPIKey(ctx, p)
	return unscanned(APIKey{
		ID: p.ID, TenantKey: p.TenantKey, PrincipalID: p.PrincipalID, Name: p.Name, KeyHash: p.KeyHash, Status: p.Status,
		ExpiresAt: p.ExpiresAt, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}, err)
}

func (q recording) UpdateAPIKey(ctx context.Context, p UpdateAPIKeyParams) (APIKey, error) {
	return unscanned(q.Queries.UpdateAPIKey(ctx, p))
}

func (q recording) UpdateSecretRef(ctx context.Context, p UpdateSecretRefParams) (SecretRef, error) {
	return unscanned(q.Queries.UpdateSecretRef(ctx, p))
}

func (q recording) UpdateProfile(ctx context.Context, p UpdateProfileParams) (Profile, error) {
	return unscanned(q.Queries.UpdateProfile(ctx, p))
}

func (q recording) UpdateManifest(ctx context.Context, p UpdateManifestParams) (Manifest, error) {
	return unscanned(q.Queries.UpdateManifest(ctx, p))
}

func (q recording) UpdatePrincipal(ctx context.Context, p UpdatePrincipalParams) (Principal, error) {
	return unscanned(q.Queries.UpdatePrincipal(ctx, p))
}

func (q recording) UpdateBinding(ctx context.Context, p UpdateBindingParams) (Binding, error) {
	return unscanned(q.Queries.UpdateBinding(ctx, p))
}

func (q recording) UpdateValidator(ctx context.Context, p UpdateValidatorParams) (Validator, error) {
	return unscanned(q.Queries.UpdateValidator(ctx, p))
}
