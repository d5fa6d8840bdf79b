package world

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// readAt reads a tenant's world as it was at a revision: of each resource what the audit
// log says that it was last made by then, and of those that the log began without what
// was kept of them. A revision between two is the world of the former.
func (s *Service) readAt(ctx context.Context, tenant string, revision int64) (r *rows, err error) {
	err = s.Admin.Store.InSnapshot(ctx, func(q store.Queries) error {
		start, err := startOf(ctx, q, tenant)
		if err != nil {
			return err
		}
		if revision < start.Revision {
			return gone(start)
		}
		now, err := q.GetRevision(ctx, tenant)
		if err != nil && !store.IsNotFound(err) {
			return err
		}
		if revision > now.Revision {
			return errs.New(errs.NotFound, "tenant %s has no revision %d yet: it is at %d", tenant, revision, now.Revision)
		}
		r, err = pastRows(ctx, q, tenant, start.Revision, revision)
		return err
	})
	return r, err
}

// startOf is where a tenant's history begins: the zero value is with its first revision.
func startOf(ctx context.Context, q store.Queries, tenant string) (store.GetHistoryStartRow, error) {
	start, err := q.GetHistoryStart(ctx, tenant)
	if store.IsNotFound(err) {
		err = nil
	}
	return start, err
}

func gone(start store.GetHistoryStartRow) error {
	return errs.New(errs.HistoryGone, "nothing is known of before revision %d, of %s", start.Revision, start.StartedAt.Format(time.RFC3339))
}

// revisionAt is the revision that a tenant was at, at a time.
func (s *Service) revisionAt(ctx context.Context, tenant string, at time.Time) (int64, error) {
	start, err := startOf(ctx, s.Admin.Store, tenant)
	if err != nil {
		return 0, err
	}
	if at.After(s.Admin.Now()) {
		return 0, errs.New(errs.InvalidRequest, `query parameter "at" is in the future`)
	}
	if at.Before(start.StartedAt) {
		return 0, gone(start)
	}
	if at.UnixMilli() < 0 { // there are no UUIDv7 of before 1970, nor revisions
		return start.Revision, nil
	}
	at = at.UTC()
	made, err := s.Admin.Store.RevisionAt(ctx, store.RevisionAtParams{TenantKey: tenant, BeforeID: store.FirstID(at.Add(time.Millisecond)), At: at})
	if err != nil && !store.IsNotFound(err) {
		return 0, err
	}
	if made == nil {
		return start.Revision, nil
	}
	return max(*made, start.Revision), nil
}

// pastRows are the rows of a revision, without API keys, which have no history.
func pastRows(ctx context.Context, q store.Queries, tenant string, since, revision int64) (*rows, error) {
	baseline, err := q.ListBaseline(ctx, tenant)
	if err != nil {
		return nil, err
	}
	made, err := q.ListWorldAt(ctx, store.ListWorldAtParams{TenantKey: tenant, Since: &since, Revision: &revision})
	if err != nil {
		return nil, err
	}
	later := make(map[uuid.UUID]bool, len(made))
	for _, m := range made {
		later[m.ResourceID] = true
	}
	for _, b := range baseline {
		if !later[b.ResourceID] {
			made = append(made, store.ListWorldAtRow(b))
		}
	}
	r := &rows{
		tenant: tenant, revision: revision,
		secretRefs: map[string]store.SecretRef{}, profiles: map[string]store.Profile{},
		manifests: map[string]store.Manifest{}, principals: map[string]store.Principal{}, validators: map[string]store.Validator{},
	}
	for _, m := range made {
		if m.Document == nil {
			continue // it was deleted
		}
		if err := r.put(model.ResourceType(m.ResourceType), doc.WithoutHTML(m.Document)); err != nil {
			return nil, err
		}
	}
	principals := byID(r.principals, func(p store.Principal) uuid.UUID { return p.ID })
	r.bindings = slices.DeleteFunc(r.bindings, func(b store.Binding) bool { return principals[b.PrincipalID] == "" }) // went with its principal
	slices.SortFunc(r.bindings, func(a, b store.Binding) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return r, nil
}

// put adds a resource as the audit log shows it.
func (r *rows) put(typ model.ResourceType, document []byte) error {
	switch typ {
	case model.ResourceTypePrincipal:
		return put1(document, func(v model.Principal) { r.principals[v.PrincipalKey] = admin.PrincipalRow(v) })
	case model.ResourceTypeProfile:
		return put1(document, func(v model.Profile) { r.profiles[v.ProfileKey] = admin.ProfileRow(v) })
	case model.ResourceTypeManifest:
		return put1(document, func(v model.Manifest) { r.manifests[v.ManifestKey] = admin.ManifestRow(v) })
	case model.ResourceTypeSecretRef:
		return put1(document, func(v model.SecretRef) { r.secretRefs[v.SecretKey] = admin.SecretRefRow(v) })
	case model.ResourceTypeValidator:
		return put1(document, func(v model.Validator) { r.validators[v.ValidatorKey] = admin.ValidatorRow(v) })
	default:
		return put1(document, func(v model.Binding) { r.bindings = append(r.bindings, admin.BindingRow(v)) })
	}
}

func put1[V any](document []byte, put func(V)) error {
	var v V
	err := json.Unmarshal(document, &v)
	if err == nil {
		put(v)
	}
	return err
}

// present is the newest revision.
const present = math.MaxInt64

// Revisions are a tenant's, newest first, before one; as many as limit.
func (s *Service) Revisions(ctx context.Context, tenant string, before, limit int64) ([]model.Revision, error) {
	entries, err := s.Admin.Store.ListRevisions(ctx, store.ListRevisionsParams{TenantKey: tenant, BeforeRevision: &before, RowLimit: limit})
	if err != nil {
		return nil, err
	}
	out := []model.Revision{} // none is no null
	for _, e := range entries {
		if len(out) == 0 || out[len(out)-1].Revision != *e.Revision {
			out = append(out, revisionView(e))
		}
		last := &out[len(out)-1]
		last.Changes = append(last.Changes, model.RevisionChange{
			Action: model.RevisionChangeAction(e.Action), ResourceType: model.ResourceType(e.ResourceType), Count: e.Changes, ResourceKey: e.ResourceKey,
		})
	}
	return out, nil
}

// First is the revision before which a page of the newest begins.
const First = int64(present)
