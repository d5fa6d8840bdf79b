package apptest

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
)

// World is a deployment as the files in examples describe it.
type World struct{ model.World }

// Created are the ids of a world, by key, and an API key of each principal.
type Created struct {
	SecretRefs, Profiles, Manifests, Principals map[string]uuid.UUID
	Bindings                                    map[string]uuid.UUID // by principal_key
	APIKeys                                     map[string]string    // by principal_key
}

// ReadWorld reads a YAML file of examples; its documents keep their numbers.
func ReadWorld(tb testing.TB, file string) World {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	text, err = doc.YAMLToJSON(text, 1<<20)
	require.NoError(tb, err)
	var w World
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields() // a member that is passed over would test nothing
	require.NoError(tb, dec.Decode(&w.World))
	return w
}

// Create makes the world through the admin API, and an API key for each principal.
func (w World) Create(tb testing.TB, a *App) Created {
	tb.Helper()
	ctx, admin := tb.Context(), a.AdminClient(tb)
	out := Created{
		SecretRefs: map[string]uuid.UUID{}, Profiles: map[string]uuid.UUID{}, Manifests: map[string]uuid.UUID{},
		Principals: map[string]uuid.UUID{}, Bindings: map[string]uuid.UUID{}, APIKeys: map[string]string{},
	}
	for _, s := range w.SecretRefs {
		out.SecretRefs[s.SecretKey] = Got(admin.CreateSecretRefWithResponse(ctx, nil, s)).Is(tb, 201).JSON201.ID
	}
	for _, p := range w.Profiles {
		out.Profiles[p.ProfileKey] = Got(admin.CreateProfileWithResponse(ctx, nil, p)).Is(tb, 201).JSON201.ID
	}
	for _, m := range w.Manifests {
		out.Manifests[m.ManifestKey] = Got(admin.CreateManifestWithResponse(ctx, nil, m)).Is(tb, 201).JSON201.ID
	}
	for _, p := range w.Principals {
		id := Got(admin.CreatePrincipalWithResponse(ctx, nil, p)).Is(tb, 201).JSON201.ID
		out.Principals[p.PrincipalKey] = id
		key := Got(admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: id.String(), Name: p.PrincipalKey})).Is(tb, 201)
		out.APIKeys[p.PrincipalKey] = key.JSON201.APIKey
	}
	for _, b := range w.Bindings {
		out.Bindings[b.Principal] = Got(admin.CreateBindingWithResponse(ctx, nil, model.BindingCreate{
			PrincipalID: out.Principals[b.Principal].String(), ProfileID: out.Profiles[b.Profile].String(), ManifestID: out.Manifests[b.Manifest].String(),
			Overrides: b.Overrides,
		})).Is(tb, 201).JSON201.ID
	}
	return out
}
