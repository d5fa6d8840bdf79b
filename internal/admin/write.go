package admin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// ErrUnchanged rolls a write back that would change nothing.
var ErrUnchanged = errors.New("unchanged")

// Write runs fn in a transaction that holds the tenant, and gives the tenant the
// next revision. What changed tells whether it also gets another epoch, on which
// answers depend.
func (s *Service) Write(ctx context.Context, a identity.Caller, tenant string, fn func(Write) error) error {
	w, err := s.planned(ctx, a, tenant)
	if err != nil {
		return err
	}
	err = s.writeJudged(ctx, w, fn)
	if errors.Is(err, ErrUnchanged) {
		return nil
	}
	return store.Classify(err)
}

// ErrMoved is of a staged write that was prepared for another revision.
var ErrMoved = errors.New("the world moved")

// WriteStaged is Write for much: what fn writes is prepared beforehand, so that
// others wait for the writing alone, and written only if the tenant is still at
// revision. fn can't read.
func (s *Service) WriteStaged(ctx context.Context, a identity.Caller, tenant string, revision int64, fn func(Write) error) error {
	w, err := s.planned(ctx, a, tenant)
	if err != nil {
		return err
	}
	w = w.on(revision)
	err = s.Store.Staged(ctx, func(q store.Queries) error {
		w := w
		w.Queries = q
		return fn(w)
	}, func(q store.Queries) error {
		at, err := q.LockTenant(ctx, store.LockTenantParams{TenantKey: tenant, Epoch: newEpoch()})
		if err == nil && at.Revision != revision {
			err = ErrMoved
		}
		if err != nil {
			return err
		}
		return w.move(ctx, q, at.Epoch)
	})
	if errors.Is(err, ErrMoved) {
		return err
	}
	if store.IsUnique(err) { // all else is the tenant's own, and as it was
		err = errs.Wrap(err, errs.AlreadyExists, "another tenant has taken an auth_subject or an API key meanwhile: try again")
	}
	return store.Classify(err)
}

// Planned is a write that isn't under way: it checks, and has nothing to read or write.
func (s *Service) Planned(a identity.Caller, tenant string) Write {
	return Write{Service: s, actor: a, tenant: tenant, now: s.Now(), moved: new(bool), changes: new([]Change), judged: new(bool)}
}

// planned is a write that may be, of somebody whose credential is known by its name.
func (s *Service) planned(ctx context.Context, a identity.Caller, tenant string) (w Write, err error) {
	if err := a.Reach(tenant); err != nil {
		return w, err
	}
	if s.RequireReason && a.Reason == "" && a.Method != model.AuthMethodCli {
		return w, errs.New(errs.InvalidRequest, "say why in the header Metagate-Reason, in message of an apply or in reason of a tool (REQUIRE_REASON)")
	}
	w = s.Planned(a, tenant)
	if w.by = a.Credential; a.APIKeyID == uuid.Nil {
		return w, nil
	}
	key, err := s.Store.GetAPIKey(ctx, a.APIKeyID)
	if err != nil && !store.IsNotFound(err) { // its principal has just gone
		return w, store.Classify(err)
	}
	w.by, err = json.Marshal(apiKey{a.APIKeyID, key.Name})
	return w, err
}

// apiKey is how the audit log names an actor's key: AuditEntry.credential.
type apiKey struct {
	ID   uuid.UUID `json:"api_key_id"`
	Name string    `json:"name,omitempty"`
}

// on is the write on a tenant's revision. The one it makes rises with the clock, so
// that it doesn't come back when the database goes back.
func (w Write) on(revision int64) Write {
	w.changes, w.judged = new([]Change), new(bool)
	w.now, w.moved = w.Now(), new(bool) // not before the tenant is held: entries are in the order of their times
	w.revision = max(revision+1, w.now.UnixMicro())
	return w
}

// Of is the write while it is about a principal's binding or startup.
func (w Write) Of(principal string) Write {
	w.of = principal
	return w
}

// move gives the tenant the revision that this write makes.
func (w Write) move(ctx context.Context, q store.Queries, epoch int64) error {
	if *w.moved {
		epoch = newEpoch()
	}
	return q.SetRevision(ctx, store.SetRevisionParams{TenantKey: w.tenant, Revision: w.revision, Epoch: epoch})
}

// newEpoch never comes back either, whatever the clocks: it is 63 random bits.
func newEpoch() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 1)
}

// moves reports whether a change can change what a component is answered. What
// nothing refers to yet can't. An API key that is new does: or a database that went back to
// before it would still be the one in which it was remembered.
func moves(typ model.ResourceType, before, after any) bool {
	switch typ {
	case model.ResourceTypeBinding:
		return active(before, after, func(b model.Binding) bool { return b.Active })
	case model.ResourceTypeSecretRef:
		return active(before, after, func(r model.SecretRef) bool { return r.Status == model.SecretRefStatusActive })
	case model.ResourceTypeProfile, model.ResourceTypeManifest: // one that is deleted has no binding
		return before != nil && after != nil
	case model.ResourceTypeStartup, model.ResourceTypeValidator:
		return false
	case model.ResourceTypeAPIKey:
		return true
	default: // a principal that is new has nothing yet
		return before != nil
	}
}

// active reports whether a resource is in use before or after a change.
func active[V any](before, after any, used func(V) bool) bool {
	b, was := before.(V)
	a, is := after.(V)
	return (was && used(b)) || (is && used(a))
}

// Audit leaves one entry, and notes whether what answers depend on has changed.
func (w Write) Audit(ctx context.Context, action model.AuditEntryAction, typ model.ResourceType, of resource, before, after any) error {
	*w.moved = *w.moved || moves(typ, before, after)
	if typ != model.ResourceTypeAPIKey && typ != model.ResourceTypeStartup {
		*w.changes = append(*w.changes, Change{typ, before, after})
	}
	b, err := document(before)
	if err != nil {
		return err
	}
	a, err := document(after)
	if err != nil {
		return err
	}
	principal, err := w.principal(ctx, typ, of)
	if err != nil {
		return err
	}
	return w.CreateAuditEntry(ctx, store.CreateAuditEntryParams{
		ID: store.NewID(w.now), TenantKey: of.tenant, CreatedAt: w.now, Revision: &w.revision,
		Actor: w.actor.PrincipalKey, AuthMethod: string(w.actor.Method), Credential: w.by,
		Reason: known(w.actor.Reason), PrincipalKey: known(principal),
		RequestID: w.actor.RequestID, RemoteAddr: w.actor.RemoteAddr,
		Action: string(action), ResourceType: string(typ), ResourceID: of.id, ResourceKey: of.key,
		Before: b, After: a,
	})
}

// principal is the principal_key of whom a resource is.
func (w Write) principal(ctx context.Context, typ model.ResourceType, of resource) (string, error) {
	switch {
	case w.of != "" || of.principal == uuid.Nil:
		return w.of, nil
	case typ == model.ResourceTypePrincipal:
		return of.key, nil
	}
	p, err := w.GetPrincipal(ctx, of.principal)
	return p.PrincipalKey, err
}

// known is a text, or nil where there is none.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func document(v any) (store.JSON, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}
