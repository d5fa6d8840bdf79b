package admin

import (
	"context"
	"encoding/json"
	stdmaps "maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Explanation is the packet that a principal would get now, or the refusal.
type Explanation struct {
	api.Explanation
	Refusal *errs.Error
}

// Explain resolves a principal's packet for a component without opening a startup.
func (s *Service) Explain(ctx context.Context, a Actor, id uuid.UUID, component string) (Explanation, error) {
	row, err := Principals.find(ctx, s.Store, s, a, id)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{Explanation: api.Explanation{
		PrincipalKey: row.PrincipalKey, ComponentKey: component, Sections: []api.SectionSource{},
	}}
	r, err := s.read(ctx, row.TenantKey)
	if err != nil {
		return out, err
	}
	w, err := r.state().world(row.PrincipalKey)
	if err != nil {
		out.Refusal = errs.From(err)
		return out, nil
	}
	if out.Sections, err = sources(w, r); err != nil {
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

// sources tells for each section whose document it is, and what the binding's
// overrides set or remove in it.
func sources(w bootstrap.World, r *rows) ([]api.SectionSource, error) {
	var overrides map[string]jsontext.Value
	if err := json.Unmarshal(w.Overrides, &overrides); err != nil {
		return nil, err
	}
	var out []api.SectionSource
	for _, name := range bootstrap.Sections {
		s := api.SectionSource{Section: name, From: api.SectionSourceFromManifest, Key: w.Manifest.ManifestKey, Overridden: []string{}}
		if name == "capabilities" || name == "policy" {
			s.From, s.Key = api.SectionSourceFromProfile, w.Profile.ProfileKey
		}
		if patch := overrides[name]; patch != nil {
			s.Overridden = leaves(s.Overridden, "", patch)
		}
		out = append(out, s)
	}
	return append(out, api.SectionSource{
		Section: "required_env", From: api.SectionSourceFromSecretRefs, Key: r.tenant, Overridden: []string{},
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
	for _, name := range slices.Sorted(stdmaps.Keys(members)) {
		out = leaves(out, at.AppendToken(name), members[name])
	}
	return out
}
