package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var profiles = tests{
	"CreateProfile": func(t *testing.T, w *world) {
		p := w.newProfile()
		row, err := w.CreateProfile(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.Profile(p), row)
		require.Equal(t, row, must(w.GetProfile(t.Context(), p.ID))(t))
	},
	"UpdateProfile": func(t *testing.T, w *world) {
		want := w.profile
		want.ProfileKey, want.Capabilities, want.Policy = unique("p"), store.JSON(`{"c":9}`), store.JSON(`{"p":9}`)
		want.StartupSLASeconds, want.UpdatedAt = 9, w.now.Add(time.Second)
		row, err := w.UpdateProfile(t.Context(), store.UpdateProfileParams{
			ID: want.ID, ProfileKey: want.ProfileKey, Capabilities: want.Capabilities, Policy: want.Policy,
			StartupSLASeconds: want.StartupSLASeconds, UpdatedAt: want.UpdatedAt,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetProfile(t.Context(), want.ID))(t))
	},
	"GetProfile": func(t *testing.T, w *world) {
		require.Equal(t, w.profile, must(w.GetProfile(t.Context(), w.profile.ID))(t))
	},
	"GetProfileByKey": func(t *testing.T, w *world) {
		key := store.GetProfileByKeyParams{TenantKey: w.tenant, ProfileKey: w.profile.ProfileKey}
		require.Equal(t, w.profile, must(w.GetProfileByKey(t.Context(), key))(t))
		key.TenantKey = unique("another")
		_, err := w.GetProfileByKey(t.Context(), key)
		require.True(t, store.IsNotFound(err))
	},
	"ListProfiles": func(t *testing.T, w *world) {
		other := w.addProfile(t)
		list := func(f store.ListProfilesParams, want ...store.Profile) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListProfiles(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListProfilesParams{}, w.profile, other)
		list(store.ListProfilesParams{ProfileKey: &other.ProfileKey}, other)
		list(store.ListProfilesParams{ProfileKey: new("none")})
	},
	"DeleteProfile": func(t *testing.T, w *world) {
		other := w.addProfile(t)
		require.NoError(t, w.DeleteProfile(t.Context(), other.ID))
		_, err := w.GetProfile(t.Context(), other.ID)
		require.True(t, store.IsNotFound(err))
		require.True(t, store.IsForeignKey(w.DeleteProfile(t.Context(), w.profile.ID)), "a binding uses it")
		require.Equal(t, w.profile, must(w.GetProfile(t.Context(), w.profile.ID))(t))
	},
}

var manifests = tests{
	"CreateManifest": func(t *testing.T, w *world) {
		p := w.newManifest()
		p.Version = 7
		row, err := w.CreateManifest(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.Manifest{
			ID: p.ID, TenantKey: p.TenantKey, ManifestKey: p.ManifestKey, DeploymentKey: p.DeploymentKey,
			Environment: p.Environment, Services: p.Services, MemoryMap: p.MemoryMap, Polling: p.Polling, Schemas: p.Schemas,
			Version: 7, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		}, row)
		require.Equal(t, row, must(w.GetManifest(t.Context(), p.ID))(t))
	},
	"UpdateManifest": func(t *testing.T, w *world) {
		want := w.manifest
		want.ManifestKey, want.DeploymentKey, want.UpdatedAt = unique("m"), unique("d"), w.now.Add(time.Second)
		want.Environment, want.Services, want.MemoryMap = store.JSON(`{"e":9}`), store.JSON(`{"s":9}`), store.JSON(`{"m":9}`)
		want.Polling, want.Schemas = store.JSON(`{"p":9}`), store.JSON(`{"c":9}`)
		for want.Version = 2; want.Version < 4; want.Version++ {
			row, err := w.UpdateManifest(t.Context(), store.UpdateManifestParams{
				ID: want.ID, ManifestKey: want.ManifestKey, DeploymentKey: want.DeploymentKey, UpdatedAt: want.UpdatedAt,
				Environment: want.Environment, Services: want.Services, MemoryMap: want.MemoryMap, Polling: want.Polling, Schemas: want.Schemas,
			})
			require.NoError(t, err)
			require.Equal(t, want, row)
			require.Equal(t, want, must(w.GetManifest(t.Context(), want.ID))(t))
		}
	},
	"GetManifest": func(t *testing.T, w *world) {
		require.Equal(t, w.manifest, must(w.GetManifest(t.Context(), w.manifest.ID))(t))
	},
	"GetManifestByKey": func(t *testing.T, w *world) {
		key := store.GetManifestByKeyParams{TenantKey: w.tenant, ManifestKey: w.manifest.ManifestKey}
		require.Equal(t, w.manifest, must(w.GetManifestByKey(t.Context(), key))(t))
		key.TenantKey = unique("another")
		_, err := w.GetManifestByKey(t.Context(), key)
		require.True(t, store.IsNotFound(err))
	},
	"ListManifestVersions": func(t *testing.T, w *world) {
		other := w.addManifest(t)
		changed, err := w.UpdateManifest(t.Context(), store.UpdateManifestParams{
			ID: other.ID, ManifestKey: other.ManifestKey, DeploymentKey: other.DeploymentKey, Environment: other.Environment,
			Services: other.Services, MemoryMap: other.MemoryMap, Polling: other.Polling, Schemas: other.Schemas, UpdatedAt: other.UpdatedAt.Add(time.Hour),
		})
		require.NoError(t, err)
		rows, err := w.ListManifestVersions(t.Context(), 10_000) // of all tenants
		require.NoError(t, err)
		require.Contains(t, rows, store.ListManifestVersionsRow{ManifestKey: w.manifest.ManifestKey, Version: w.manifest.Version})
		require.Equal(t, store.ListManifestVersionsRow{ManifestKey: other.ManifestKey, Version: changed.Version}, rows[0], "the last to be written")
		rows, err = w.ListManifestVersions(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, rows, 1)
	},
	"ListManifests": func(t *testing.T, w *world) {
		other := w.addManifest(t)
		list := func(f store.ListManifestsParams, want ...store.Manifest) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListManifests(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListManifestsParams{}, w.manifest, other)
		list(store.ListManifestsParams{ManifestKey: &other.ManifestKey}, other)
		list(store.ListManifestsParams{DeploymentKey: &w.manifest.DeploymentKey}, w.manifest)
		list(store.ListManifestsParams{ManifestKey: &other.ManifestKey, DeploymentKey: &w.manifest.DeploymentKey})
	},
	"DeleteManifest": func(t *testing.T, w *world) {
		other := w.addManifest(t)
		require.NoError(t, w.DeleteManifest(t.Context(), other.ID))
		_, err := w.GetManifest(t.Context(), other.ID)
		require.True(t, store.IsNotFound(err))
		require.True(t, store.IsForeignKey(w.DeleteManifest(t.Context(), w.manifest.ID)), "a binding uses it")
		require.Equal(t, w.manifest, must(w.GetManifest(t.Context(), w.manifest.ID))(t))
	},
}

var secretRefs = tests{
	"CreateSecretRef": func(t *testing.T, w *world) {
		p := w.newSecretRef(unique("secret"), "disabled")
		row, err := w.CreateSecretRef(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.SecretRef(p), row)
		require.Equal(t, row, must(w.GetSecretRef(t.Context(), p.ID))(t))
	},
	"UpdateSecretRef": func(t *testing.T, w *world) {
		want := w.secret
		want.SecretKey, want.RefKind, want.RefName = unique("s"), "file", "/run/secret"
		want.RefMeta, want.Status, want.UpdatedAt = store.JSON(`{"m":9}`), "disabled", w.now.Add(time.Second)
		row, err := w.UpdateSecretRef(t.Context(), store.UpdateSecretRefParams{
			ID: want.ID, SecretKey: want.SecretKey, RefKind: want.RefKind, RefName: want.RefName,
			RefMeta: want.RefMeta, Status: want.Status, UpdatedAt: want.UpdatedAt,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetSecretRef(t.Context(), want.ID))(t))
	},
	"GetSecretRef": func(t *testing.T, w *world) {
		require.Equal(t, w.secret, must(w.GetSecretRef(t.Context(), w.secret.ID))(t))
	},
	"GetSecretRefByKey": func(t *testing.T, w *world) {
		key := store.GetSecretRefByKeyParams{TenantKey: w.tenant, SecretKey: w.secret.SecretKey}
		require.Equal(t, w.secret, must(w.GetSecretRefByKey(t.Context(), key))(t))
		key.TenantKey = "another"
		_, err := w.GetSecretRefByKey(t.Context(), key)
		require.True(t, store.IsNotFound(err))
	},
	"ListSecretRefs": func(t *testing.T, w *world) {
		off := w.addSecretRef(t, unique("secret"), "disabled")
		list := func(f store.ListSecretRefsParams, want ...store.SecretRef) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListSecretRefs(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListSecretRefsParams{}, w.secret, off)
		list(store.ListSecretRefsParams{SecretKey: &off.SecretKey}, off)
		list(store.ListSecretRefsParams{Status: new("active")}, w.secret)
		list(store.ListSecretRefsParams{Status: new("active"), SecretKey: &off.SecretKey})
	},
	"DeleteSecretRef": func(t *testing.T, w *world) {
		require.NoError(t, w.DeleteSecretRef(t.Context(), w.secret.ID))
		_, err := w.GetSecretRef(t.Context(), w.secret.ID)
		require.True(t, store.IsNotFound(err))
	},
}
