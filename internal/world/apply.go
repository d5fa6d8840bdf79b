// Package world is a tenant's whole world as one document: what an apply would
// change and whose packets would change with it, the apply itself, the export that
// it takes, and where a packet's values come from.
package world

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Service reads and writes worlds, by the rules of admin's writes.
type Service struct{ Admin *admin.Service }

// Apply makes a tenant's world as the document says.
type Apply struct {
	World         model.World
	Prune, DryRun bool
	Invalid       error // what the schema found wrong already, to be reported with the rest

	// Describes is of a document that is derived from something else: what operators say
	// of a principal or a binding that is there stands, and a binding that another
	// takes the place of is left to its history.
	Describes bool

	Past *Past // of a rollback, or a diff; nil is any other
}

// freePlans is how often an apply plans without a lock, so that a large one
// holds no other write up while it plans; in a world that moves on each time it
// then plans under the lock, and the others wait.
const freePlans = 3

// Apply plans and writes what was planned in one transaction, all or nothing.
func (s *Service) Apply(ctx context.Context, a identity.Caller, in Apply) (model.Plan, error) {
	out, _, err := s.apply(ctx, a, in)
	return out, err
}

// apply also gives the plan, which knows the ids by the time it is written.
func (s *Service) apply(ctx context.Context, a identity.Caller, in Apply) (out model.Plan, p *plan, err error) {
	tenant := a.TenantKey
	if in.World.TenantKey != "" {
		tenant = in.World.TenantKey
	}
	if err := a.Reach(tenant); err != nil {
		return out, nil, err
	}
	for range freePlans {
		r, err := s.read(ctx, tenant, len(in.World.APIKeys) > 0)
		if err != nil {
			return out, nil, err
		}
		if p, err = s.plan(ctx, s.Admin.Store, a, in, r); err != nil {
			return out, nil, err
		}
		out = p.answer(in)
		if in.DryRun || in.Past != nil {
			if err := s.blastRadius(ctx, tenant, p, &out); err != nil || in.DryRun {
				return out, p, err
			}
		}
		if err := s.execute(ctx, a, tenant, p); !errors.Is(err, admin.ErrMoved) {
			return out, p, err
		}
	}
	err = s.Admin.Write(ctx, a, tenant, func(w admin.Write) error {
		r, err := readRows(ctx, w.Queries, tenant, len(in.World.APIKeys) > 0)
		if err != nil {
			return err
		}
		if p, err = s.plan(ctx, w.Queries, a, in, r); err != nil {
			return err
		}
		if out = p.answer(in); in.Past != nil {
			if err := s.blastRadius(ctx, tenant, p, &out); err != nil {
				return err
			}
		}
		w.Judged()
		return p.run(ctx, w)
	})
	return out, p, err
}

func (s *Service) plan(ctx context.Context, q store.Queries, a identity.Caller, in Apply, r *rows) (*plan, error) {
	foreign, err := q.ListForeignSubjects(ctx, r.tenant)
	if err != nil {
		return nil, err
	}
	p := newPlan(r)
	p.fail("", in.Invalid)
	if in.Describes {
		in.World.Principals = slices.DeleteFunc(slices.Clone(in.World.Principals), func(c model.PrincipalCreate) bool {
			return r.principals[c.PrincipalKey].ID != uuid.Nil
		})
	}
	w := s.Admin.Planned(a, r.tenant)
	kept := r.protected(a, s.Admin.Admins)
	compared := in.Past != nil && in.Past.only
	if compared {
		kept = nil
	} else if in.Past != nil {
		in.World.Principals, p.disabled = in.Past.principals(in.World.Principals, r.principals)
	}
	resources[store.SecretRef, model.SecretRefCreate, model.SecretRef]{
		kind: admin.SecretRefs, list: "secret_refs", docs: in.World.SecretRefs, stored: r.secretRefs, gone: phaseSweep, asIs: compared,
		key:    func(c model.SecretRefCreate) string { return c.SecretKey },
		tenant: func(c *model.SecretRefCreate) *string { return &c.TenantKey },
		keep:   func(store.SecretRef) bool { return false },
		set: func(key string, c *model.SecretRefCreate, _ int64) {
			p.touched.secretRefs[key] = true
			put(p.after.secretRefs, key, c)
		},
	}.into(ctx, p, w, in.Prune)
	resources[store.Profile, model.ProfileCreate, model.Profile]{
		kind: admin.Profiles, list: "profiles", docs: in.World.Profiles, stored: r.profiles, gone: phaseSweep, asIs: compared,
		key:    func(c model.ProfileCreate) string { return c.ProfileKey },
		tenant: func(c *model.ProfileCreate) *string { return &c.TenantKey },
		keep:   func(r store.Profile) bool { return kept[r.ID] },
		set: func(key string, c *model.ProfileCreate, _ int64) {
			p.touched.profiles[key] = true
			put(p.after.profiles, key, c)
		},
	}.into(ctx, p, w, in.Prune)
	resources[store.Manifest, model.ManifestCreate, model.Manifest]{
		kind: admin.Manifests, list: "manifests", docs: in.World.Manifests, stored: r.manifests, gone: phaseSweep, asIs: compared,
		key:    func(c model.ManifestCreate) string { return c.ManifestKey },
		tenant: func(c *model.ManifestCreate) *string { return &c.TenantKey },
		keep:   func(r store.Manifest) bool { return kept[r.ID] },
		set: func(key string, c *model.ManifestCreate, version int64) {
			p.touched.manifests[key] = true
			delete(p.after.manifests, key)
			if c != nil {
				p.after.manifests[key] = manifestDoc{*c, max(version, c.Version)}
			}
		},
		once: func(c *model.ManifestCreate) { c.Version = 0 },
	}.into(ctx, p, w, in.Prune)
	resources[store.Principal, model.PrincipalCreate, model.Principal]{
		kind: admin.Principals, list: "principals", docs: in.World.Principals, stored: r.principals, gone: phaseFree, asIs: compared,
		key:    func(c model.PrincipalCreate) string { return c.PrincipalKey },
		tenant: func(c *model.PrincipalCreate) *string { return &c.TenantKey },
		keep:   func(r store.Principal) bool { return kept[r.ID] },
		set: func(key string, c *model.PrincipalCreate, _ int64) {
			p.touched.principals[key] = true
			put(p.after.principals, key, c)
		},
	}.into(ctx, p, w, in.Prune)
	if !compared {
		p.admins(s.Admin, a, in.World.Principals)
		p.subjects(in.World.Principals, foreign)
		p.park(r.principals)
	}
	p.bindings(in, r, kept)
	resources[store.Validator, model.ValidatorCreate, model.Validator]{
		kind: admin.Validators, list: "validators", docs: in.World.Validators, stored: r.validators, gone: phaseSweep, asIs: compared,
		key:    func(c model.ValidatorCreate) string { return c.ValidatorKey },
		tenant: func(c *model.ValidatorCreate) *string { return &c.TenantKey },
		keep:   func(store.Validator) bool { return false },
		set:    func(key string, c *model.ValidatorCreate, _ int64) { put(p.after.validators, key, c) },
	}.into(ctx, p, w, in.Prune)
	if err := p.apiKeys(ctx, q, in.World.APIKeys, r, s.Admin.Now()); err != nil {
		return nil, err
	}
	if !compared && p.errs == nil {
		if err := s.judge(ctx, p, in.DryRun); err != nil {
			return nil, err
		}
	}
	return p, errs.Merge(p.errs...)
}

func newPlan(r *rows) *plan {
	p := &plan{
		changes: []model.PlanChange{}, at: map[string]string{}, warnings: []model.ValidatorFinding{}, before: r.state(), ids: map[string]uuid.UUID{}, tenant: r.tenant, revision: r.revision,
		touched: newTouched(),
	}
	p.after = p.before.clone()
	for key, row := range r.principals {
		p.ids["principal/"+key] = row.ID
	}
	for key, row := range r.profiles {
		p.ids["profile/"+key] = row.ID
	}
	for key, row := range r.manifests {
		p.ids["manifest/"+key] = row.ID
	}
	return p
}

func put[C any](m map[string]C, key string, c *C) {
	delete(m, key)
	if c != nil {
		m[key] = *c
	}
}

// protected is what prune leaves alone: the admins, who would otherwise lock
// themselves out, with what their bindings need.
func (r *rows) protected(a identity.Caller, admins identity.Admins) map[uuid.UUID]bool {
	kept := map[uuid.UUID]bool{}
	for _, p := range r.principals {
		kept[p.ID] = admins.Are(p.PrincipalType, p.PrincipalKey) || p.PrincipalKey == a.PrincipalKey
	}
	for _, b := range r.bindings {
		if kept[b.PrincipalID] {
			kept[b.ID], kept[b.ProfileID], kept[b.ManifestID] = true, true, true
		}
	}
	return kept
}

// execute runs the plan in one transaction if the world is still the one it was made
// for.
func (s *Service) execute(ctx context.Context, a identity.Caller, tenant string, p *plan) error {
	if p.empty() {
		return nil
	}
	return s.Admin.WriteStaged(ctx, a, tenant, p.revision, func(w admin.Write) error { return p.run(ctx, w) })
}
