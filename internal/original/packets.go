package original

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/store"
)

// Packets are the stable members of what each of the world's bound principals would
// get, by their keys, after an import into the tenant that is there now. A manifest that
// is there already has another version then, which is left out.
func (w *World) Packets(there model.World) (map[string]map[string]json.RawMessage, error) {
	refs := map[string]model.SecretRefCreate{}
	for _, s := range slices.Concat(there.SecretRefs, w.SecretRefs) { // ours take the place of those that are there
		refs[s.SecretKey] = s
	}
	var secrets []store.SecretRef
	for _, key := range slices.Sorted(maps.Keys(refs)) {
		if s := refs[key]; s.Status != model.SecretRefStatusDisabled {
			secrets = append(secrets, store.SecretRef{SecretKey: s.SecretKey, RefKind: string(s.RefKind), RefName: s.RefName, RefMeta: orEmpty(s.RefMeta)})
		}
	}
	profiles, manifests := map[string]store.Profile{}, map[string]store.Manifest{}
	for _, p := range slices.Concat(there.Profiles, w.Profiles) {
		profiles[p.ProfileKey] = store.Profile{ProfileKey: p.ProfileKey, Capabilities: orEmpty(p.Capabilities), Policy: orEmpty(p.Policy)}
	}
	known := map[string]bool{}
	for _, m := range there.Manifests {
		known[m.ManifestKey] = true
	}
	for _, m := range slices.Concat(there.Manifests, w.Manifests) {
		manifests[m.ManifestKey] = store.Manifest{
			ManifestKey: m.ManifestKey, Version: max(m.Version, 1), Environment: orEmpty(m.Environment), Services: orEmpty(m.Services),
			MemoryMap: orEmpty(m.MemoryMap), Polling: orEmpty(m.Polling), Schemas: orEmpty(m.Schemas),
		}
	}
	packets := map[string]map[string]json.RawMessage{}
	for _, b := range w.Bindings {
		packet, err := bootstrap.Compose(bootstrap.World{Profile: profiles[b.Profile], Manifest: manifests[b.Manifest], Overrides: orEmpty(b.Overrides), Secrets: secrets})
		if err != nil {
			return nil, err
		}
		if known[b.Manifest] {
			delete(packet, "manifest_version")
		}
		packets[b.Principal] = packet
	}
	return packets, nil
}

func orEmpty(b json.RawMessage) store.JSON {
	if len(b) == 0 {
		return store.JSON("{}")
	}
	return store.JSON(b)
}
