package world

import (
	"context"
	"encoding/json"
	"fmt"
	maps "maps"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// rows is a tenant's whole world as it is stored, at one revision.
type rows struct {
	tenant     string
	revision   int64
	secretRefs map[string]store.SecretRef
	profiles   map[string]store.Profile
	manifests  map[string]store.Manifest
	principals map[string]store.Principal
	bindings   []store.Binding         // in order of creation
	apiKeys    map[string]store.APIKey // by hash; nil where nobody asked for them
	validators map[string]store.Validator
}

// read reads a tenant's world of one moment, without a lock.
func (s *Service) read(ctx context.Context, tenant string, withKeys bool) (r *rows, err error) {
	err = s.Admin.Store.InSnapshot(ctx, func(q store.Queries) error {
		r, err = readRows(ctx, q, tenant, withKeys)
		return err
	})
	return r, err
}

// readRows wants a q that sees one moment: a snapshot's, or a write's that holds the revision.
func readRows(ctx context.Context, q store.Queries, tenant string, withKeys bool) (*rows, error) {
	at, err := q.GetRevision(ctx, tenant)
	if err != nil && !store.IsNotFound(err) { // a tenant without a world is at 0
		return nil, err
	}
	secrets, err1 := q.ListSecretRefs(ctx, store.ListSecretRefsParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	profiles, err2 := q.ListProfiles(ctx, store.ListProfilesParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	manifests, err3 := q.ListManifests(ctx, store.ListManifestsParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	principals, err4 := q.ListPrincipals(ctx, store.ListPrincipalsParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	bindings, err5 := q.ListBindings(ctx, store.ListBindingsParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	validators, err7 := q.ListValidators(ctx, store.ListValidatorsParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	var keys []store.APIKey
	var err6 error
	if withKeys {
		keys, err6 = q.ListAPIKeys(ctx, store.ListAPIKeysParams{TenantKey: &tenant, RowLimit: math.MaxInt64})
	}
	return &rows{
		tenant:     tenant,
		revision:   at.Revision,
		secretRefs: byKey(secrets, func(r store.SecretRef) string { return r.SecretKey }),
		profiles:   byKey(profiles, func(r store.Profile) string { return r.ProfileKey }),
		manifests:  byKey(manifests, func(r store.Manifest) string { return r.ManifestKey }),
		principals: byKey(principals, func(r store.Principal) string { return r.PrincipalKey }),
		bindings:   bindings,
		apiKeys:    byKey(keys, func(r store.APIKey) string { return r.KeyHash }),
		validators: byKey(validators, func(r store.Validator) string { return r.ValidatorKey }),
	}, errs.Merge(err1, err2, err3, err4, err5, err6, err7)
}

func byKey[R any](rows []R, key func(R) string) map[string]R {
	out := make(map[string]R, len(rows))
	for _, r := range rows {
		out[key(r)] = r
	}
	return out
}

// byID finds the keys of what bindings refer to.
func byID[R any](rows map[string]R, id func(R) uuid.UUID) map[uuid.UUID]string {
	out := make(map[uuid.UUID]string, len(rows))
	for key, r := range rows {
		out[id(r)] = key
	}
	return out
}

// state is a world as documents: what is stored, or what it would be after a
// plan. Both are resolved by the resolver that serves bootstrap.
type state struct {
	secretRefs map[string]model.SecretRefCreate
	profiles   map[string]model.ProfileCreate
	manifests  map[string]manifestDoc
	principals map[string]model.PrincipalCreate
	active     map[string]model.WorldBinding // by principal
	validators map[string]model.ValidatorCreate
}

type manifestDoc struct {
	model.ManifestCreate
	version int64
}

func (s *state) clone() *state {
	return &state{
		secretRefs: maps.Clone(s.secretRefs), profiles: maps.Clone(s.profiles), manifests: maps.Clone(s.manifests),
		principals: maps.Clone(s.principals), active: maps.Clone(s.active), validators: maps.Clone(s.validators),
	}
}

// world is what bootstrap would resolve for a principal, or its refusal.
func (s *state) world(principal string) (bootstrap.World, error) {
	p, ok := s.principals[principal]
	if !ok || p.Status != model.PrincipalStatusActive {
		return bootstrap.World{}, notActive(principal)
	}
	b, ok := s.active[principal]
	if !ok {
		return bootstrap.World{}, notBound(principal)
	}
	profile, manifest := s.profiles[b.Profile], s.manifests[b.Manifest]
	w := bootstrap.World{
		Overrides: store.JSON(b.Overrides),
		Profile: store.Profile{
			ProfileKey: b.Profile, StartupSLASeconds: profile.StartupSLASeconds,
			Capabilities: store.JSON(profile.Capabilities), Policy: store.JSON(profile.Policy),
		},
		Manifest: store.Manifest{
			ManifestKey: b.Manifest, Version: manifest.version,
			Environment: store.JSON(manifest.Environment), Services: store.JSON(manifest.Services), MemoryMap: store.JSON(manifest.MemoryMap),
			Polling: store.JSON(manifest.Polling), Schemas: store.JSON(manifest.Schemas),
		},
	}
	for _, key := range slices.Sorted(maps.Keys(s.secretRefs)) {
		if r := s.secretRefs[key]; r.Status == model.SecretRefStatusActive {
			w.Secrets = append(w.Secrets, store.SecretRef{
				SecretKey: r.SecretKey, RefKind: string(r.RefKind), RefName: r.RefName, RefMeta: store.JSON(r.RefMeta),
			})
		}
	}
	return w, nil
}

// state turns rows into documents.
func (r *rows) state() *state {
	s := &state{
		secretRefs: docs(r.secretRefs, admin.SecretRefs.Doc), profiles: docs(r.profiles, admin.Profiles.Doc),
		principals: docs(r.principals, admin.Principals.Doc), validators: docs(r.validators, admin.Validators.Doc), active: map[string]model.WorldBinding{},
		manifests: docs(r.manifests, func(m store.Manifest) manifestDoc { return manifestDoc{admin.Manifests.Doc(m), m.Version} }),
	}
	for i, b := range r.named() {
		if r.bindings[i].Active {
			s.active[b.Principal] = b
		}
	}
	return s
}

func docs[R, C any](rows map[string]R, doc func(R) C) map[string]C {
	out := make(map[string]C, len(rows))
	for key, r := range rows {
		out[key] = doc(r)
	}
	return out
}

// named gives the bindings by keys, in the order of r.bindings.
func (r *rows) named() []model.WorldBinding {
	principals := byID(r.principals, func(p store.Principal) uuid.UUID { return p.ID })
	profiles := byID(r.profiles, func(p store.Profile) uuid.UUID { return p.ID })
	manifests := byID(r.manifests, func(m store.Manifest) uuid.UUID { return m.ID })
	out := make([]model.WorldBinding, len(r.bindings))
	for i, b := range r.bindings {
		out[i] = model.WorldBinding{
			Principal: principals[b.PrincipalID], Profile: profiles[b.ProfileID], Manifest: manifests[b.ManifestID],
			Overrides: json.RawMessage(b.Overrides), Expected: json.RawMessage(b.Expected), Labels: json.RawMessage(b.Labels), Active: &b.Active,
		}
	}
	return out
}

// bindingName is how a plan and the audit log call a binding.
func bindingName(b model.WorldBinding) string {
	return fmt.Sprintf("%s → %s + %s", b.Principal, b.Profile, b.Manifest)
}
