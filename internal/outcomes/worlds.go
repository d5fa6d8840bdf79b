package outcomes

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// mostHeld bounds the memory of worlds, in bytes: who needs more reads again.
const mostHeld = 32 << 20

// worlds are what principals would get now and what they got then, each read and
// compiled once for all who share it.
type worlds struct {
	store.Queries // of one moment

	held      int // bytes, about
	profiles  map[uuid.UUID]store.Profile
	manifests map[uuid.UUID]store.Manifest
	secrets   map[string][]store.SecretRef // by tenant
	now       map[worldKey]*bootstrap.Blueprint
	then      map[int64]map[string]json.RawMessage // by the body's id; nil where none is kept
	sections  map[change][]string
}

type worldKey struct {
	tenant            string
	profile, manifest uuid.UUID
	overrides         string
}

// change is between a kept body and what it would be now.
type change struct {
	then int64
	now  *bootstrap.Blueprint
}

// hold makes room for size more bytes.
func (w *worlds) hold(size int) {
	if w.held += size; w.held > mostHeld || w.now == nil {
		*w = worlds{
			Queries: w.Queries, held: size, profiles: map[uuid.UUID]store.Profile{}, manifests: map[uuid.UUID]store.Manifest{},
			secrets: map[string][]store.SecretRef{}, now: map[worldKey]*bootstrap.Blueprint{},
			then: map[int64]map[string]json.RawMessage{}, sections: map[change][]string{},
		}
	}
}

// blueprint is nil where no packet can be made.
func (w *worlds) blueprint(ctx context.Context, b store.ListBoundRow) (*bootstrap.Blueprint, error) {
	key := worldKey{b.TenantKey, b.ProfileID, b.ManifestID, string(b.Overrides)}
	if known, ok := w.now[key]; ok {
		return known, nil
	}
	profile, ok1 := w.profiles[b.ProfileID]
	manifest, ok2 := w.manifests[b.ManifestID]
	secrets, ok3 := w.secrets[b.TenantKey]
	var err1, err2, err3 error
	if !ok1 {
		profile, err1 = w.GetProfile(ctx, b.ProfileID)
	}
	if !ok2 {
		manifest, err2 = w.GetManifest(ctx, b.ManifestID)
	}
	if !ok3 {
		secrets, err3 = w.ListActiveSecretRefs(ctx, b.TenantKey)
	}
	if err := errs.Merge(err1, err2, err3); err != nil {
		return nil, err
	}
	made, err := bootstrap.Compile(bootstrap.World{Profile: profile, Manifest: manifest, Overrides: b.Overrides, Secrets: secrets})
	size := len(b.Overrides) + len(profile.Capabilities) + len(profile.Policy) + 1000
	if err != nil {
		made = nil // a bootstrap would say why
	} else {
		size += made.Size()
	}
	w.hold(size)
	w.profiles[b.ProfileID], w.manifests[b.ManifestID], w.secrets[b.TenantKey], w.now[key] = profile, manifest, secrets, made
	return made, nil
}

// packetNow tells whether a start's packet is still what it would get, by their etags.
func (w *worlds) packetNow(ctx context.Context, b store.ListBoundRow, r store.Roster) (model.RosterPacket, error) {
	blueprint, err := w.blueprint(ctx, b)
	switch {
	case err != nil:
		return "", err
	case b.Status != string(model.PrincipalStatusActive) || blueprint == nil || blueprint.Permits(r.ComponentKey) != nil:
		return model.RosterPacketRefused, nil //nolint:nilerr // why is for a bootstrap to say
	case blueprint.Etag(b.PrincipalKey, r.ComponentKey) == r.PacketEtag:
		return model.RosterPacketCurrent, nil
	}
	return model.RosterPacketOutdated, nil
}

// outdated are the members in which a start's packet differs from the one of now; nil
// where it wasn't kept.
func (w *worlds) outdated(ctx context.Context, b store.ListBoundRow, r store.Roster) ([]string, error) {
	blueprint, err := w.blueprint(ctx, b)
	if err != nil {
		return nil, err
	}
	id := r.PacketBody
	if id == nil { // the receipt names it before the roster does
		if id, err = w.GetStartupBody(ctx, r.StartupID); store.IsNotFound(err) || (err == nil && id == nil) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	pair := change{max(*id, -*id), blueprint}
	if known, ok := w.sections[pair]; ok {
		return known, nil
	}
	then, err := w.body(ctx, b.TenantKey, pair.then)
	if err != nil || then == nil {
		return nil, err
	}
	now, err := bootstrap.MembersOf(blueprint.Body())
	if err != nil {
		return nil, err
	}
	sections := bootstrap.Differing(then, now)
	if len(sections) == 0 { // all else is the same, so it was renamed
		sections = []string{"principal_key"}
	}
	w.sections[pair] = sections
	return sections, nil
}

// body are the members of a kept body.
func (w *worlds) body(ctx context.Context, tenant string, id int64) (map[string]json.RawMessage, error) {
	if known, ok := w.then[id]; ok {
		return known, nil
	}
	var members map[string]json.RawMessage
	kept, err := w.GetPacketBody(ctx, store.GetPacketBodyParams{ID: id, TenantKey: tenant})
	if err == nil {
		members, err = bootstrap.MembersOf(kept.Body)
	}
	if err != nil && !store.IsNotFound(err) {
		return nil, err
	}
	w.hold(len(kept.Body) + 1000)
	w.then[id] = members
	return members, nil
}
