package witness

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// blueprints keeps compiled worlds. Principals with the same profile, manifest
// and overrides share one. An entry is good for one epoch of its tenant.
type blueprints struct {
	cache *otter.Cache[blueprintKey, blueprintAt]
	loads singleflight.Group
}

type blueprintKey struct {
	profile, manifest uuid.UUID
	overrides         string
}

type blueprintAt struct {
	epoch, revision int64 // when it was read
	keeping
	*bootstrap.Blueprint
}

func newBlueprints(maxBytes uint64) *blueprints {
	return &blueprints{cache: otter.Must(&otter.Options[blueprintKey, blueprintAt]{
		MaximumWeight: max(maxBytes, 1), // 0 would be refused: nothing is kept
		Weigher:       func(k blueprintKey, b blueprintAt) uint32 { return uint32(len(k.overrides) + b.Size() + entryBytes) },
	})}
}

// blueprint returns the blueprint of who's binding at who's epoch, or errStale.
func (s *Service) blueprint(ctx context.Context, who identity.Caller) (blueprintAt, error) {
	key := blueprintKey{*who.ProfileID, *who.ManifestID, string(who.Overrides)}
	b, ok := s.blueprints.cache.GetIfPresent(key)
	if !ok || b.epoch != who.Epoch || b.aged(s.now()) {
		var err error
		if b, err = s.loaded(ctx, who, key); err != nil {
			return b, err
		}
	}
	if b.epoch != who.Epoch {
		return b, errStale
	}
	return b, nil
}

// loaded reads what is missing: once for all who need it now, who wait no longer
// than their own time; or by itself within a transaction.
func (s *Service) loaded(ctx context.Context, who identity.Caller, key blueprintKey) (b blueprintAt, err error) {
	if q, ok := s.desk.(within); ok { // which may be rolled back: what it loads is its own
		if b = q.loaded[key]; b.Blueprint != nil && b.epoch == who.Epoch {
			return b, nil
		}
		if b, err = s.load(ctx, q, who, key); err != nil {
			return b, err
		}
		if err = s.keep(ctx, q, who.TenantKey, &b); err == nil {
			q.loaded[key] = b
		}
		return b, err
	}
	flight := s.blueprints.loads.DoChan(fmt.Sprint(key, who.Epoch), func() (any, error) {
		// Not the first caller's context: one that hangs up must not take the others along.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		var loaded blueprintAt
		err := s.snapshot(ctx, func(q store.Queries) (err error) {
			loaded, err = s.load(ctx, q, who, key)
			return err
		})
		if err != nil {
			return loaded, err
		}
		if err := s.keep(ctx, s.store, who.TenantKey, &loaded); err != nil {
			return loaded, err
		}
		s.blueprints.cache.Set(key, loaded) // not before its body is on disk: no receipt names one that isn't
		return loaded, nil
	})
	select {
	case done := <-flight:
		b, _ = done.Val.(blueprintAt)
		return b, done.Err
	case <-ctx.Done():
		return blueprintAt{}, ctx.Err()
	}
}

// load reads the epoch and the world from one moment of one server.
func (s *Service) load(ctx context.Context, q store.Queries, who identity.Caller, key blueprintKey) (b blueprintAt, err error) {
	at, err := q.GetRevision(ctx, who.TenantKey)
	if err != nil {
		return b, err
	}
	profile, err := q.GetProfile(ctx, key.profile)
	if store.IsNotFound(err) {
		return b, errStale
	}
	if err != nil {
		return b, err
	}
	manifest, err := q.GetManifest(ctx, key.manifest)
	if store.IsNotFound(err) {
		return b, errStale
	}
	if err != nil {
		return b, err
	}
	secrets, err := q.ListActiveSecretRefs(ctx, who.TenantKey)
	if err != nil {
		return b, err
	}
	b.epoch, b.revision = at.Epoch, at.Revision
	b.Blueprint, err = bootstrap.Compile(bootstrap.World{Profile: profile, Manifest: manifest, Overrides: who.Overrides, Secrets: secrets})
	if err != nil {
		return b, errs.Wrap(err, errs.Internal, "internal error")
	}
	return b, nil
}
