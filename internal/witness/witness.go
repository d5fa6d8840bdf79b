// Package witness is the startup lifecycle: it opens a receipt for each
// bootstrap, durably, before the answer, and takes the reports that close it.
package witness

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Service opens and closes startup receipts. Its fields must not change once it is used.
type Service struct {
	Store *store.Store
	Now   func() time.Time // UTC, whole microseconds
}

// Opened is an answered bootstrap, whose receipt is on disk.
type Opened struct {
	bootstrap.Birth
	Body []byte // the Welcome Packet
}

// attempts bounds how often a bootstrap starts over because the world changed
// between reading it and writing the receipt.
const attempts = 10

var errChanging = errors.New("the world changed at every attempt")

// Bootstrap resolves principal → binding → profile + manifest and opens a
// startup of component. The receipt is written only if the world is still the
// one that was resolved, so no packet mixes two worlds or shows an old one.
func (s *Service) Bootstrap(ctx context.Context, p store.Principal, component string) (Opened, error) {
	for range attempts {
		revision, blueprint, err := s.resolve(ctx, p)
		if err != nil {
			return Opened{}, err
		}
		if err := blueprint.Permits(component); err != nil {
			return Opened{}, err
		}
		birth := s.birth(blueprint, component)
		n, err := s.Store.OpenStartup(ctx, store.OpenStartupParams{
			ID: birth.StartupID, TenantKey: p.TenantKey, Revision: revision,
			PrincipalID: p.ID, PrincipalKey: p.PrincipalKey, ComponentKey: component,
			ProfileKey: blueprint.ProfileKey, ManifestKey: blueprint.ManifestKey, ManifestVersion: blueprint.ManifestVersion,
			PacketID: birth.PacketID, PacketEtag: birth.Etag,
			OpenedAt: birth.IssuedAt, DeadlineAt: birth.DeadlineAt,
		})
		if err != nil {
			return Opened{}, err
		}
		if n == 1 {
			return Opened{Birth: birth, Body: blueprint.Packet(birth)}, nil
		}
	}
	return Opened{}, errs.Wrap(errChanging, errs.Unavailable, "the world is changing: try again")
}

// resolve reads the revision first: what it reads afterwards is of that
// revision or newer, and newer is caught when the receipt is written.
func (s *Service) resolve(ctx context.Context, p store.Principal) (int64, *bootstrap.Blueprint, error) {
	revision, err := s.Store.GetRevision(ctx, p.TenantKey)
	if err != nil {
		return 0, nil, err
	}
	row, err := s.Store.GetWorld(ctx, p.ID)
	if store.IsNotFound(err) {
		return 0, nil, errs.New(errs.NoBinding, "principal %q has no active binding", p.PrincipalKey)
	}
	if err != nil {
		return 0, nil, err
	}
	secrets, err := s.Store.ListActiveSecretRefs(ctx, p.TenantKey)
	if err != nil {
		return 0, nil, err
	}
	// By bytes: a database sorts by its locale, and the packet is the same on all.
	slices.SortFunc(secrets, func(a, b store.SecretRef) int { return cmp.Compare(a.SecretKey, b.SecretKey) })
	b, err := bootstrap.Compile(bootstrap.World{PrincipalKey: p.PrincipalKey, Binding: row, Secrets: secrets})
	return revision, b, err
}

func (s *Service) birth(b *bootstrap.Blueprint, component string) bootstrap.Birth {
	now := s.Now()
	return bootstrap.Birth{
		StartupID: store.NewID(now), PacketID: store.NewID(now), ComponentKey: component,
		Etag: b.Etag(component), IssuedAt: now, DeadlineAt: now.Add(b.SLA),
	}
}
