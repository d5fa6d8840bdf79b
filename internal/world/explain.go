package world

import (
	"context"
	"encoding/json"
	maps "maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Explanation is the packet that a principal would get now, or the refusal.
type Explanation struct {
	model.Explanation
	Refusal *errs.Error
}

// Explain resolves a principal's packet for a component without opening a startup.
func (s *Service) Explain(ctx context.Context, a identity.Caller, ref model.IDOrKey, component string) (Explanation, error) {
	var row store.Principal
	var w bootstrap.World
	err := s.Admin.Store.InSnapshot(ctx, func(q store.Queries) (err error) {
		if row, err = admin.Principals.Find(ctx, q, a, ref); err != nil {
			return err
		}
		w, err = worldOf(ctx, q, row)
		return err
	})
	return explanation(row, w, err, component)
}

// explanation tells of a principal's world, or of the error that stands in its way.
func explanation(row store.Principal, w bootstrap.World, err error, component string) (Explanation, error) {
	out := Explanation{Explanation: model.Explanation{
		PrincipalKey: row.PrincipalKey, ComponentKey: component, Sections: []model.SectionSource{},
	}}
	if row.ID != uuid.Nil && (errs.Is(err, errs.Forbidden) || errs.Is(err, errs.NoBinding)) {
		out.Refusal = errs.From(err)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if out.Sections, err = sources(w, row.TenantKey); err != nil {
		return out, err
	}
	b, err := bootstrap.Compile(w)
	if err == nil {
		err = b.Permits(component)
	}
	if err != nil {
		out.Refusal = errs.From(store.Classify(err))
		return out, nil
	}
	members, err := bootstrap.Compose(w)
	if err != nil {
		return out, err
	}
	members["component_key"], _ = json.Marshal(component) // strings: can't fail
	members["principal_key"], _ = json.Marshal(row.PrincipalKey)
	out.PacketEtag = b.Etag(row.PrincipalKey, component)
	out.Packet, err = json.Marshal(members)
	return out, err
}

// worldOf reads what bootstrap would resolve for a principal, or its refusal.
func worldOf(ctx context.Context, q store.Queries, p store.Principal) (w bootstrap.World, err error) {
	if p.Status != string(model.PrincipalStatusActive) {
		return w, notActive(p.PrincipalKey)
	}
	bound, err := q.ListBindings(ctx, store.ListBindingsParams{PrincipalID: &p.ID, Active: new(true), RowLimit: 1})
	if err != nil {
		return w, err
	}
	if len(bound) == 0 {
		return w, notBound(p.PrincipalKey)
	}
	w.Overrides = bound[0].Overrides
	if w.Profile, err = q.GetProfile(ctx, bound[0].ProfileID); err != nil {
		return w, err
	}
	if w.Manifest, err = q.GetManifest(ctx, bound[0].ManifestID); err != nil {
		return w, err
	}
	w.Secrets, err = q.ListActiveSecretRefs(ctx, p.TenantKey)
	return w, err
}

func notActive(key string) error {
	return errs.New(errs.Forbidden, "principal %q is no active principal", key)
}

func notBound(key string) error {
	return errs.New(errs.NoBinding, "principal %q has no active binding", key)
}

// sources tells for each section whose document it is, and what the binding's
// overrides set or remove in it.
func sources(w bootstrap.World, tenant string) ([]model.SectionSource, error) {
	var overrides map[string]jsontext.Value
	if err := json.Unmarshal(w.Overrides, &overrides); err != nil {
		return nil, err
	}
	var out []model.SectionSource
	for _, name := range bootstrap.Sections {
		s := model.SectionSource{Section: name, From: model.SectionSourceFromManifest, Key: w.Manifest.ManifestKey, Overridden: []string{}}
		if name == "capabilities" || name == "policy" {
			s.From, s.Key = model.SectionSourceFromProfile, w.Profile.ProfileKey
		}
		if patch := overrides[name]; patch != nil {
			s.Overridden = leaves(s.Overridden, "", patch)
		}
		out = append(out, s)
	}
	return append(out, model.SectionSource{
		Section: "required_env", From: model.SectionSourceFromSecretRefs, Key: tenant, Overridden: []string{},
	}), nil
}

// leaves lists the places that a merge patch sets or removes.
func leaves(out []string, at jsontext.Pointer, patch jsontext.Value) []string {
	var members map[string]jsontext.Value
	if at == "" && string(patch) == "{}" {
		return out // of a whole section: nothing
	}
	if patch.Kind() != '{' || json.Unmarshal(patch, &members) != nil || len(members) == 0 {
		return append(out, string(at))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		out = leaves(out, at.AppendToken(name), members[name])
	}
	return out
}
