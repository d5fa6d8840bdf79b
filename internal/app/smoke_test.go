package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/apptest"
	"github.com/legivellum/metagate/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestSmoke(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p, err := a.Admin.SeedDemo(t.Context())
		require.NoError(t, err)
		key, err := a.Admin.ReissueKey(t.Context(), p, "x")
		require.NoError(t, err)
		r, err := a.Client(t, key).BootstrapWithResponse(t.Context(), nil, api.BootstrapRequest{ComponentKey: "c"})
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode(), string(r.Body))
		s, err := a.Client(t, key).ReportReadyWithResponse(t.Context(), api.ReadyReport{StartupID: r.JSON200.Startup.StartupID, BuildVersion: "1"})
		require.NoError(t, err)
		require.Equal(t, 200, s.StatusCode(), string(s.Body))
		l, err := a.AdminClient(t).ListStartupsWithResponse(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, 200, l.StatusCode(), string(l.Body))
		for _, f := range []func() (int, []byte){
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListPrincipalsWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListProfilesWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListManifestsWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListBindingsWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListSecretRefsWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListAPIKeysWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).GetMetricsWithResponse(t.Context())
				return r.StatusCode(), r.Body[:500]
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).GetReadyWithResponse(t.Context())
				return r.StatusCode(), r.Body
			},
			func() (int, []byte) {
				r, _ := a.AdminClient(t).GetInfoWithResponse(t.Context())
				return r.StatusCode(), r.Body
			},
		} {
			code, body := f()
			t.Log(code, string(body))
			require.Equal(t, 200, code)
		}
	})
}
