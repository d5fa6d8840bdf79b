package world

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// When is a moment of the past: a revision, or a time. The zero value is now.
type When struct {
	Revision *int64
	At       *time.Time
}

// ExplainAt is Explain at a moment: the principal is found by its id, or by the key that it
// had then, and may be gone by now.
func (s *Service) ExplainAt(ctx context.Context, a identity.Caller, ref model.IDOrKey, component string, when When) (Explanation, error) {
	if when.Revision != nil && when.At != nil {
		return Explanation{}, errs.New(errs.InvalidRequest, `query parameters "revision" and "at": one of them`)
	}
	tenant := a.TenantKey
	if row, err := admin.Principals.Find(ctx, s.Admin.Store, a, ref); err == nil {
		tenant = row.TenantKey
	} else if !errs.Is(err, errs.NotFound) {
		return Explanation{}, err
	}
	revision := when.Revision
	if when.At != nil {
		at, err := s.revisionAt(ctx, tenant, *when.At)
		if err != nil {
			return Explanation{}, err
		}
		revision = &at
	}
	r, err := s.readAt(ctx, tenant, *revision)
	if err != nil {
		return Explanation{}, err
	}
	row, ok := r.principal(ref)
	if !ok {
		return Explanation{}, errs.New(errs.NotFound, "no such principal at revision %d", r.revision)
	}
	w, err := r.worldOf(row)
	return explanation(row, w, err, component)
}

func (r *rows) principal(ref model.IDOrKey) (store.Principal, bool) {
	if key, ok := strings.CutPrefix(ref, "key:"); ok {
		row, found := r.principals[key]
		return row, found
	}
	id, err := uuid.Parse(ref)
	if err != nil {
		return store.Principal{}, false
	}
	for _, row := range r.principals {
		if row.ID == id {
			return row, true
		}
	}
	return store.Principal{}, false
}

// worldOf is what bootstrap would have resolved for a principal, or its refusal.
func (r *rows) worldOf(p store.Principal) (w bootstrap.World, err error) {
	if p.Status != string(model.PrincipalStatusActive) {
		return w, notActive(p.PrincipalKey)
	}
	for i, b := range r.named() {
		if !r.bindings[i].Active || b.Principal != p.PrincipalKey {
			continue
		}
		w.Overrides, w.Profile, w.Manifest = r.bindings[i].Overrides, r.profiles[b.Profile], r.manifests[b.Manifest]
		for _, ref := range r.secretRefs {
			if ref.Status == string(model.SecretRefStatusActive) {
				w.Secrets = append(w.Secrets, ref)
			}
		}
		return w, nil
	}
	return w, notBound(p.PrincipalKey)
}
