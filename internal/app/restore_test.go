package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/storetest"
)

// A database that goes back in time (a restore, a replica that lagged) under a
// server that goes on running, and remembers the world that was lost.
func TestNoLostWorldIsShownAfterTheDatabaseWentBack(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		world := func(n int) {
			apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil,
				patch(fmt.Sprintf(`{"services":{"n":%d}}`, n)))).Is(t, 200)
		}
		world(1)
		require.JSONEq(t, `{"gate":{"port":1},"n":1}`, string(l.start(t, "c").Services))
		kept := l.addKey(t, l.principal.ID)
		behind := func(sql string) { storetest.Behind(t, a.Config.DatabaseURL, sql) }
		behind(`CREATE TABLE old_revisions AS SELECT * FROM tenant_revisions`)
		behind(`CREATE TABLE old_manifests AS SELECT id, services, version FROM manifests`)
		back := func() {
			behind(`UPDATE tenant_revisions SET revision = (SELECT o.revision FROM old_revisions o WHERE o.tenant_key = tenant_revisions.tenant_key),
				epoch = (SELECT o.epoch FROM old_revisions o WHERE o.tenant_key = tenant_revisions.tenant_key)`)
			behind(`UPDATE manifests SET services = (SELECT o.services FROM old_manifests o WHERE o.id = manifests.id),
				version = (SELECT o.version FROM old_manifests o WHERE o.id = manifests.id)`)
			behind(`UPDATE api_keys SET status = 'active'`)
		}
		for round := range 3 {
			for n := range round + 2 { // the lost world has been written to as often as the one that follows, too
				world(100 + n)
			}
			require.Contains(t, string(l.start(t, "c").Services), fmt.Sprint(100+round+1))
			apptest.Got(a.Client(t, kept.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
			back()
			require.JSONEq(t, `{"gate":{"port":1},"n":1}`, string(l.start(t, "c").Services), "right again at once")
			revoked := l.addKey(t, l.principal.ID)
			apptest.Got(a.Client(t, revoked.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
			apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), revoked.ID, nil)).Is(t, 204)
			for n := range round + 3 {
				apptest.Got(a.Client(t, revoked.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 401, "UNAUTHENTICATED")
				world(n + 2)
				require.JSONEq(t, fmt.Sprintf(`{"gate":{"port":1},"n":%d}`, n+2), string(l.start(t, "c").Services))
			}
			back()
		}
	})
}

// Nor does a key that the database has not heard of yet, whether it was revoked meanwhile or not.
func TestAKeyIsGoneWhenTheDatabaseWentBackToBeforeIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		behind := func(sql ...string) { storetest.Behind(t, a.Config.DatabaseURL, sql...) }
		behind(`CREATE TABLE old_revisions AS SELECT * FROM tenant_revisions`)
		for _, revoked := range []bool{true, false} {
			late := l.addKey(t, l.principal.ID)
			boots := func() apptest.Call[*client.BootstrapResult] {
				return apptest.Got(a.Client(t, late.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"}))
			}
			boots().Is(t, 200)
			if revoked {
				apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), late.ID, nil)).Is(t, 204)
			}
			behind(`UPDATE tenant_revisions SET revision = (SELECT o.revision FROM old_revisions o WHERE o.tenant_key = tenant_revisions.tenant_key),
				epoch = (SELECT o.epoch FROM old_revisions o WHERE o.tenant_key = tenant_revisions.tenant_key)`,
				`DELETE FROM api_keys WHERE id = '`+late.ID.String()+`'`)
			boots().Fails(t, 401, "UNAUTHENTICATED")
		}
		l.start(t, "c")
	})
}

// Writing admins never keep components from starting (contract 1.8), nor are
// they overtaken: what was answered before is shown.
func TestManyWritersKeepNobodyFromStarting(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const writers, bootstraps = 16, 60
		l := newLab(t, a)
		admin := patient(t, a, apptest.AdminKey)
		l.component = patient(t, a, l.key.APIKey) // a machine may be too busy for a second; who starves tries in vain
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var answered atomic.Int64 // the last n that an admin was told to be in the world
		var all sync.WaitGroup
		all.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				r, err := admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, l.manifest.ID.String(), nil, patch(fmt.Sprintf(`{"services":{"n":%d}}`, n)))
				if err == nil && r.StatusCode() == 200 {
					answered.Store(n)
				}
			}
		})
		for i := range writers {
			all.Go(func() {
				for ctx.Err() == nil {
					if i%2 == 0 {
						_, _ = admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: l.principal.ID.String(), Name: "k"})
					} else {
						_, _ = admin.CreateBindingWithResponse(ctx, nil, l.newBinding())
					}
				}
			})
		}
		for range bootstraps {
			before := answered.Load()
			var got struct {
				N int64 `json:"n"`
			}
			require.NoError(t, json.Unmarshal(l.start(t, "c").Services, &got))
			require.GreaterOrEqual(t, got.N, before)
		}
		stop()
		all.Wait()
	})
}
