package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// roster is the roster as lines: component, instance, state, packet, how many are missing.
func (l *lab) roster(t *testing.T, p *model.ListRosterParams) string {
	t.Helper()
	var lines []string
	for _, e := range *apptest.Got(l.admin.ListRosterWithResponse(t.Context(), p)).Is(t, 200).JSON200 {
		lines = append(lines, e.PrincipalKey+" "+string(e.State))
		for _, s := range e.Components {
			instance, _ := s.InstanceID.Get()
			packet, _ := s.Packet.Get()
			lines = append(lines, strings.TrimSpace(fmt.Sprint("  ", s.ComponentKey, " ", instance, " ", s.State, " ", packet, " ", s.Missing)))
		}
	}
	return strings.Join(lines, "\n")
}

func (l *lab) expect(t *testing.T, patch string) {
	t.Helper()
	apptest.Got(l.admin.UpdateBindingWithResponse(t.Context(), l.binding.ID, nil, model.BindingPatch(patch))).Is(t, 200)
}

func TestWhatIsExpectedOfABindingIsCheckedAndKept(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		for _, bad := range []string{
			`{"expected":{"components":["a","a"]}}`, `{"expected":{"components":["a b"]}}`, `{"expected":{"instances":0}}`, `{"expected":[]}`,
			`{"expected":{"replicas":1}}`, `{"labels":{"owner":1}}`, `{"labels":{"owner":"` + strings.Repeat("x", 1024) + `","b":"` + strings.Repeat("x", 1024) + `","c":"` + strings.Repeat("x", 1024) + `","d":"` + strings.Repeat("x", 1024) + `"}}`,
		} {
			apptest.Got(l.admin.UpdateBindingWithResponse(t.Context(), l.binding.ID, nil, model.BindingPatch(bad))).Fails(t, 400, "INVALID_REQUEST")
		}
		before := l.start(t, "c").PacketEtag
		l.expect(t, `{"expected":{"components":["a"],"instances":2},"labels":{"owner":"team-a"}}`)
		got := apptest.Got(l.admin.GetBindingWithResponse(t.Context(), l.binding.ID)).Is(t, 200).JSON200
		require.JSONEq(t, `{"components":["a"],"instances":2}`, string(got.Expected))
		require.JSONEq(t, `{"owner":"team-a"}`, string(got.Labels))
		require.Equal(t, before, l.start(t, "c").PacketEtag, "it is no part of the packet")

		world := apptest.Got(l.admin.ExportWorldWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.JSONEq(t, `{"components":["a"],"instances":2}`, string(world.Bindings[0].Expected))
		plan := apptest.Got(l.admin.ApplyWorldWithResponse(t.Context(), nil, *world)).Is(t, 200).JSON200
		require.Zero(t, plan.Summary.Create+plan.Summary.Update+plan.Summary.Delete)
		world.Bindings[0].Expected, world.Bindings[0].Labels = json.RawMessage(`{}`), nil
		require.Equal(t, 1, int(apptest.Got(l.admin.ApplyWorldWithResponse(t.Context(), nil, *world)).Is(t, 200).JSON200.Summary.Update))
		got = apptest.Got(l.admin.GetBindingWithResponse(t.Context(), l.binding.ID)).Is(t, 200).JSON200
		require.Empty(t, got.Expected)
		require.Empty(t, got.Labels)
	})
}

func TestTheRosterKnowsWhoNeverCalledAndWhoHasAnOldPacket(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now()
		mine := &model.ListRosterParams{PrincipalKey: &l.principal.PrincipalKey}
		is := func(state, lines string) {
			t.Helper()
			want := l.principal.PrincipalKey + " " + state + lines
			require.Equal(t, want, l.roster(t, mine), "at once")
			l.counted(t)
			require.Equal(t, want, l.roster(t, mine), "when the reader has written it")
		}
		is("NEVER", "\nNEVER  1")
		l.expect(t, `{"expected":{"components":["main","side"],"instances":2},"labels":{"owner":"team-a"}}`)
		is("NEVER", "\nmain  NEVER  2\nside  NEVER  2")

		start := func(component, instance string) model.WelcomePacket {
			return *apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component, InstanceID: instance})).Is(t, 200).JSON200
		}
		first := start("main", "1")
		is("NEVER", "\nmain 1 OPEN current 0\nmain  NEVER  1\nside  NEVER  2")
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(first.Startup.StartupID))).Is(t, 200)
		start("main", "2")
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(start("side", "1").Startup.StartupID))).Is(t, 200)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "bench", Source: model.BootstrapRequestSourceBench})).Is(t, 200)
		is("FAILED", "\nmain 1 READY current 0\nmain 2 OPEN current 0\nside 1 FAILED current 0\nside  NEVER  1")

		apptest.Got(l.admin.UpdateManifestWithResponse(t.Context(), l.manifest.ID.String(), nil, model.ManifestPatch(`{"polling":{"n":1}}`))).Is(t, 200)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(start("main", "2").Startup.StartupID))).Is(t, 200)
		is("FAILED", "\nmain 1 READY outdated 0\nmain 2 READY current 0\nside 1 FAILED outdated 0\nside  NEVER  1")

		lost := l.opened(t, store.OpenStartupParams{ComponentKey: "side", InstanceID: new("2"), OpenedAt: now.Add(-time.Minute), DeadlineAt: now.Add(-time.Second)})
		is("FAILED", "\nmain 1 READY outdated 0\nmain 2 READY current 0\nside 1 FAILED outdated 0\nside 2 OVERDUE outdated 0")
		apptest.Got(l.admin.AcknowledgeStartupWithResponse(t.Context(), lost, model.Acknowledgement{Reason: "gone"})).Is(t, 200)
		is("FAILED", "\nmain 1 READY outdated 0\nmain 2 READY current 0\nside 1 FAILED outdated 0\nside 2 OPEN outdated 0")
		readyAt := l.get(t, first.Startup.StartupID).ReadyAt.MustGet()
		apptest.Got(l.admin.UpdatePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil, model.PrincipalPatch(`{"status":"disabled"}`))).Is(t, 200)
		is("FAILED", "\nmain 1 READY refused 0\nmain 2 READY refused 0\nside 1 FAILED refused 0\nside 2 OPEN refused 0")

		e := (*apptest.Got(l.admin.ListRosterWithResponse(t.Context(), mine)).Is(t, 200).JSON200)[0]
		require.JSONEq(t, `{"owner":"team-a"}`, string(e.Labels))
		require.Equal(t, "1.2.3", e.Components[0].BuildVersion.MustGet())
		require.Positive(t, e.Components[0].TimeToReady.MustGet())
		require.Equal(t, readyAt, e.Components[0].Since)
	})
}

func TestTheRosterGoesOnFromPageToPageAndFiltersAcrossThem(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const n, every = 1203, 400 // more than are read at once
		key := func(i int) string { return fmt.Sprintf("many-%04d", i) }
		world := model.World{
			Profiles: []model.ProfileCreate{{ProfileKey: "many"}}, Manifests: []model.ManifestCreate{{ManifestKey: "many"}},
		}
		for i := range n {
			world.Principals = append(world.Principals, model.PrincipalCreate{PrincipalKey: key(i), AuthSubject: key(i)})
			world.Bindings = append(world.Bindings, model.WorldBinding{Principal: key(i), Profile: "many", Manifest: "many"})
		}
		admin := a.AdminClient(t)
		apptest.Got(admin.ApplyWorldWithResponse(t.Context(), nil, world)).Is(t, 200)
		var started []string
		for i := 0; i < n; i += every {
			p := apptest.Got(admin.ListPrincipalsWithResponse(t.Context(), &model.ListPrincipalsParams{PrincipalKey: new(key(i))})).Is(t, 200)
			issued := apptest.Got(admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: (*p.JSON200)[0].ID.String(), Name: "k"})).Is(t, 201).JSON201
			apptest.Got(a.Client(t, issued.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
			started = append(started, key(i))
		}
		all := func(path string) (keys []string) {
			for path != "" {
				var rows []model.RosterEntry
				rows, path = adminList[model.RosterEntry](t, a, path)
				for _, e := range rows {
					keys = append(keys, e.PrincipalKey)
				}
			}
			return keys
		}
		whole := all("roster?limit=100")
		require.Len(t, whole, n)
		require.Equal(t, whole, all("roster?limit=1000"))
		require.ElementsMatch(t, started, all("roster?state=OPEN&limit=3"))
		require.ElementsMatch(t, started, all("roster?packet=current"))
		require.Len(t, all("roster?state=NEVER"), n-len(started))
		require.Empty(t, all("roster?state=FAILED"))
	})
}

func TestAStartOutlivesItsReceiptOnTheRosterAndInTheOutcomes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		past := l.principal.CreatedAt.Add(-48 * time.Hour)
		old := l.opened(t, store.OpenStartupParams{OpenedAt: past, DeadlineAt: past.Add(time.Minute)})
		l.counted(t)
		require.NoError(t, l.Close())
		l.App = apptest.Start(t, l.Config.DatabaseURL, func(c *app.Config) { c.ReceiptRetentionHours = 1 })
		l.admin, l.component = l.AdminClient(t), l.Client(t, l.key.APIKey)
		until(t, func() bool {
			got, err := l.component.GetStartupWithResponse(t.Context(), old)
			return err == nil && got.StatusCode() == 404
		})
		require.Equal(t, l.principal.PrincipalKey+" OVERDUE\ncomponent  OVERDUE outdated 0", l.roster(t, &model.ListRosterParams{PrincipalKey: &l.principal.PrincipalKey}))
		require.EqualValues(t, 1, l.outcomes(t, model.OutcomeDimensionComponent)[0].Overdue)
	})
}

func TestWhoWasTurnedAwayIsListedOnceForEachReason(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		w := wire{a, l.key.APIKey}
		stranger := wire{a, "mgk_notakeythatanybodyhasissued_0123456789abcdef"}
		for range 3 {
			stranger.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 401, "UNAUTHENTICATED")
			w.send(t, "POST", "/v1/bootstrap", `{"component_key":"c","principal_key":"another"}`).refused(t, 409, "PRINCIPAL_MISMATCH")
		}
		w.send(t, "POST", "/v1/bootstrap", `{"component_key":7}`).refused(t, 400, "INVALID_REQUEST")
		w.send(t, "GET", "/v1/startup/"+l.principal.ID.String(), "").refused(t, 404, "SESSION_NOT_FOUND")
		apptest.Got(l.admin.UpdateBindingWithResponse(t.Context(), l.binding.ID, nil, model.BindingPatch(`{"active":false}`))).Is(t, 200)
		w.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 403, "NO_BINDING")
		w.send(t, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"d"}}}`)
		show := func(p *model.ListRefusalsParams) (lines []string) {
			for _, r := range *apptest.Got(l.admin.ListRefusalsWithResponse(t.Context(), p)).Is(t, 200).JSON200 {
				get := func(v interface{ Get() (string, error) }) string { s, _ := v.Get(); return s }
				lines = append(lines, strings.Join([]string{r.Code, r.Operation, get(r.TenantKey), get(r.PrincipalKey), get(r.KeyPrefix), get(r.ComponentKey), fmt.Sprint(r.Count)}, "|"))
				require.NotEmpty(t, r.RemoteAddr)
				require.NotEmpty(t, r.Detail)
				require.False(t, r.LastAt.Before(r.FirstAt))
			}
			return lines
		}
		p := l.principal.PrincipalKey
		want := []string{
			"NO_BINDING|metagate.bootstrap|default|" + p + "||d|1", "NO_BINDING|bootstrap|default|" + p + "||c|1",
			"INVALID_REQUEST|bootstrap|default|" + p + "|||1", "PRINCIPAL_MISMATCH|bootstrap|default|" + p + "||c|3",
			"UNAUTHENTICATED|bootstrap|||mgk_notakeyt||3",
		}
		require.Equal(t, want, show(nil))
		w.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 403, "NO_BINDING")
		want[1] = strings.TrimSuffix(want[1], "1") + "2"
		require.Equal(t, want[:2], show(&model.ListRefusalsParams{Code: new("NO_BINDING")}), "counted further")
		require.Equal(t, want[:4], show(&model.ListRefusalsParams{PrincipalKey: &p}))
	})
}
