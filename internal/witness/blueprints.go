package witness

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// blueprints keeps compiled worlds. Principals with the same profile, manifest
// and overrides share one. An entry is good for one revision of its tenant.
type blueprints struct {
	store *store.Store
	cache *otter.Cache[blueprintKey, blueprintAt]
	loads singleflight.Group
}

type blueprintKey struct {
	profile, manifest uuid.UUID
	overrides         string
}

type blueprintAt struct {
	revision int64
	*bootstrap.Blueprint
}

func newBlueprints(st *store.Store, maxBytes uint64) *blueprints {
	return &blueprints{store: st, cache: otter.Must(&otter.Options[blueprintKey, blueprintAt]{
		MaximumWeight: max(maxBytes, 1), // 0 would be refused: nothing is kept
		Weigher:       func(k blueprintKey, b blueprintAt) uint32 { return uint32(len(k.overrides) + b.Size() + entryBytes) },
	})}
}

// get returns the blueprint of who's binding at who's revision, or errStale.
func (c *blueprints) get(ctx context.Context, who Identity) (*bootstrap.Blueprint, error) {
	key := blueprintKey{*who.ProfileID, *who.ManifestID, string(who.Overrides)}
	b, ok := c.cache.GetIfPresent(key)
	if !ok || b.revision < who.Revision {
		flight := fmt.Sprint(key, who.Revision)
		loaded, err, _ := c.loads.Do(flight, func() (any, error) {
			// Not the first caller's context: one that hangs up must not take the others along.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
			defer cancel()
			return c.load(ctx, who, key)
		})
		if err != nil {
			return nil, err
		}
		b = loaded.(blueprintAt)
	}
	if b.revision != who.Revision {
		return nil, ErrStale
	}
	return b.Blueprint, nil
}

// load reads the revision first: what it reads afterwards is of that revision
// or newer, and newer is caught when the receipt is written.
func (c *blueprints) load(ctx context.Context, who Identity, key blueprintKey) (b blueprintAt, err error) {
	if b.revision, err = c.store.GetRevision(ctx, who.TenantKey); err != nil {
		return b, err
	}
	profile, err := c.store.GetProfile(ctx, key.profile)
	if store.IsNotFound(err) {
		return b, ErrStale
	}
	if err != nil {
		return b, err
	}
	manifest, err := c.store.GetManifest(ctx, key.manifest)
	if store.IsNotFound(err) {
		return b, ErrStale
	}
	if err != nil {
		return b, err
	}
	secrets, err := c.store.ListActiveSecretRefs(ctx, who.TenantKey)
	if err != nil {
		return b, err
	}
	b.Blueprint, err = bootstrap.Compile(bootstrap.World{Profile: profile, Manifest: manifest, Overrides: who.Overrides, Secrets: secrets})
	if err != nil {
		return b, errs.Wrap(err, errs.Internal, "internal error")
	}
	c.cache.Set(key, b)
	return b, nil
}
