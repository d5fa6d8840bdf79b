// Package admin changes the world: the rules that every write of a principal,
// profile, manifest, binding, secret reference, validator or API key obeys, in one place.
// Each write is one transaction: the tenant's revision rises (which also puts
// the writes of a tenant in a row), the row changes, and the audit log says so.
package admin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/validation"
)

// DefaultTenant is the tenant of those who name none, where nothing else is configured.
const DefaultTenant = "default"

// Service is what every write needs. Its fields must not change once it is used.
type Service struct {
	Store       *store.Store
	Now         func() time.Time // UTC, whole microseconds
	DefaultSLA  int64            // seconds, for profiles that name none
	MaxDocument int64            // bytes a resource may have after a patch
	Admins      identity.Admins
	Tenant      string // of those who name none: DEFAULT_TENANT_KEY; empty is DefaultTenant
	Deployment  string // of manifests that name none: DEFAULT_DEPLOYMENT_KEY; empty is "default"

	RequireReason bool // of everybody but the command line

	Judge   Judge            // of writes, by validators; nil lets all be
	Schemas validation.Cache // of validators
}

// Kind is one sort of resource: R its row, C what a caller may write, V what a
// caller sees. The zero Kind is not usable; see Principals, Profiles and so on.
type Kind[R, C, V any] struct {
	typ  model.ResourceType
	noun string

	ident func(R) resource
	doc   func(R) C // the writable part of a row, for merge patches
	view  func(R) V
	get   func(context.Context, store.Queries, uuid.UUID) (R, error)
	// getByKey is nil for kinds without a key.
	getByKey func(ctx context.Context, q store.Queries, tenant, key string) (R, error)
	create   func(context.Context, Write, C) (R, error)
	update   func(context.Context, Write, R, C) (R, error)
	remove   func(context.Context, Write, R) error
	// prepare fills defaults in and checks the rules of a create and of a patch's result.
	prepare func(context.Context, Write, *C) error
	// patch refuses what a patch names and its result doesn't show; nil is for kinds without such a rule.
	patch func([]byte) error
	// guard refuses a change of a row, to after or to nothing; nil is for kinds without such a rule.
	guard func(ctx context.Context, w Write, before R, after *C) error
}

type resource struct {
	id          uuid.UUID
	tenant, key string
	updated     time.Time
	principal   uuid.UUID // whose it is; zero is nobody's
}

// Write is one admin write under way.
type Write struct {
	*Service
	store.Queries
	actor    identity.Caller
	tenant   string
	now      time.Time
	revision int64      // that this write makes
	moved    *bool      // what answers depend on has changed
	of       string     // the principal_key of whom the next entries are about, where it is known
	by       store.JSON // the actor's credential
	changes  *[]Change  // that validators may be about
	judged   *bool      // they were held against its plan already
}

// Get returns a resource of the actor's tenant and its strong ETag.
func (k *Kind[R, C, V]) Get(ctx context.Context, s *Service, a identity.Caller, ref model.IDOrKey) (V, string, error) {
	row, err := k.Find(ctx, s.Store, a, ref)
	if err != nil {
		var none V
		return none, "", err
	}
	return k.view(row), k.etag(row), nil
}

// Create makes a resource in tenant, or in the actor's own when tenant is empty.
func (k *Kind[R, C, V]) Create(ctx context.Context, s *Service, a identity.Caller, tenant string, c C) (V, string, error) {
	var row R
	if tenant == "" {
		tenant = a.TenantKey
	}
	err := s.Write(ctx, a, tenant, func(w Write) (err error) {
		row, err = k.createIn(ctx, w, c)
		return err
	})
	return k.view(row), k.etag(row), err
}

func (k *Kind[R, C, V]) createIn(ctx context.Context, w Write, c C) (row R, err error) {
	if err := k.prepare(ctx, w, &c); err != nil {
		return row, err
	}
	return k.Insert(ctx, w, c)
}

// Insert writes what is prepared, and its audit entry.
func (k *Kind[R, C, V]) Insert(ctx context.Context, w Write, c C) (R, error) {
	row, err := k.create(ctx, w, c)
	if err != nil {
		return row, k.Conflict(err)
	}
	return row, w.Audit(ctx, model.AuditEntryActionCreate, k.typ, k.ident(row), nil, k.view(row))
}

// Replace writes what is prepared in the place of a row, and its audit entry.
func (k *Kind[R, C, V]) Replace(ctx context.Context, w Write, before R, c C) (R, error) {
	after, err := k.update(ctx, w, before, c)
	if err != nil {
		return before, k.Conflict(err)
	}
	return after, w.Audit(ctx, model.AuditEntryActionUpdate, k.typ, k.ident(after), k.view(before), k.view(after))
}

// Remove deletes a row, and leaves its audit entry.
func (k *Kind[R, C, V]) Remove(ctx context.Context, w Write, before R) error {
	if err := k.remove(ctx, w, before); err != nil {
		if store.IsForeignKey(err) {
			err = errs.New(errs.InUse, "a binding uses %s %q: change or delete the binding first", k.noun, k.ident(before).key)
		}
		return err
	}
	return w.Audit(ctx, model.AuditEntryActionDelete, k.typ, k.ident(before), k.view(before), nil)
}

// Update applies an RFC 7396 merge patch. A patch that changes nothing writes nothing.
func (k *Kind[R, C, V]) Update(ctx context.Context, s *Service, a identity.Caller, ref model.IDOrKey, ifMatch string, patch []byte) (V, string, error) {
	row, err := k.change(ctx, s, a, ref, ifMatch, func(w Write, before R) (R, error) {
		if k.patch != nil {
			if err := k.patch(patch); err != nil {
				return before, err
			}
		}
		old, err := json.Marshal(k.doc(before))
		if err != nil {
			return before, err
		}
		merged, err := doc.MergePatch(old, patch)
		if err != nil {
			return before, err
		}
		if int64(len(merged)) > s.MaxDocument {
			return before, errs.New(errs.TooLarge, "the %s would be larger than %d bytes (MAX_BODY_BYTES)", k.noun, s.MaxDocument)
		}
		var c C
		if err := doc.Decode(merged, &c); err != nil {
			return before, err
		}
		if err := k.prepare(ctx, w, &c); err != nil {
			return before, err
		}
		if Same(k.doc(before), c) {
			return before, ErrUnchanged
		}
		if err := k.guarded(ctx, w, before, &c); err != nil {
			return before, err
		}
		return k.Replace(ctx, w, before, c)
	})
	return k.view(row), k.etag(row), err
}

// Delete removes a resource; an API key is revoked instead.
func (k *Kind[R, C, V]) Delete(ctx context.Context, s *Service, a identity.Caller, ref model.IDOrKey, ifMatch string) error {
	_, err := k.change(ctx, s, a, ref, ifMatch, func(w Write, before R) (R, error) {
		if err := k.guarded(ctx, w, before, nil); err != nil {
			return before, err
		}
		return before, k.Remove(ctx, w, before)
	})
	return err
}

func (k *Kind[R, C, V]) guarded(ctx context.Context, w Write, before R, after *C) error {
	if k.guard == nil {
		return nil
	}
	return k.guard(ctx, w, before, after)
}

// change runs fn on the present row, read again behind the tenant's lock.
func (k *Kind[R, C, V]) change(ctx context.Context, s *Service, a identity.Caller, ref model.IDOrKey, ifMatch string, fn func(Write, R) (R, error)) (R, error) {
	row, err := k.Find(ctx, s.Store, a, ref)
	if err != nil {
		return row, err
	}
	id := k.ident(row).id.String() // a key may be another's by then
	err = s.Write(ctx, a, k.ident(row).tenant, func(w Write) error {
		if row, err = k.Find(ctx, w.Queries, a, id); err != nil {
			return err
		}
		if stale(ifMatch, k.etag(row)) {
			return errs.New(errs.PreconditionFailed, "the %s has changed: get it again and repeat the change", k.noun)
		}
		row, err = fn(w, row)
		return err
	})
	return row, err
}

// Find reads a row by its id, or by its key in the actor's tenant. It hides the rows
// of other tenants.
func (k *Kind[R, C, V]) Find(ctx context.Context, q store.Queries, a identity.Caller, ref model.IDOrKey) (R, error) {
	row, err := k.lookUp(ctx, q, a.TenantKey, ref)
	if store.IsNotFound(err) || (err == nil && !a.Sees(k.ident(row).tenant)) {
		var none R
		return none, errs.New(errs.NotFound, "no such %s", k.noun)
	}
	return row, err
}

// Type is the kind's name in the audit log.
func (k *Kind[R, C, V]) Type() model.ResourceType { return k.typ }

// Noun is the kind's name for people.
func (k *Kind[R, C, V]) Noun() string { return k.noun }

// Doc is the writable part of a row.
func (k *Kind[R, C, V]) Doc(row R) C { return k.doc(row) }

// View is what a caller sees of a row.
func (k *Kind[R, C, V]) View(row R) V { return k.view(row) }

// ID is a row's.
func (k *Kind[R, C, V]) ID(row R) uuid.UUID { return k.ident(row).id }

// Prepare fills defaults in and checks the rules of a create and of a patch's result.
func (k *Kind[R, C, V]) Prepare(ctx context.Context, w Write, c *C) error {
	return k.prepare(ctx, w, c)
}

// Conflict tells what is taken, where that is why a row could not be written.
func (k *Kind[R, C, V]) Conflict(err error) error {
	if store.IsUnique(err) {
		return errs.Wrap(err, errs.AlreadyExists, "a %s with that %s already exists", k.noun, uniqueNames[k.typ])
	}
	return err
}

var uniqueNames = map[model.ResourceType]string{
	model.ResourceTypePrincipal: "principal_key or auth_subject",
	model.ResourceTypeProfile:   "profile_key",
	model.ResourceTypeManifest:  "manifest_key",
	model.ResourceTypeSecretRef: "secret_key",
	model.ResourceTypeValidator: "validator_key",
}
