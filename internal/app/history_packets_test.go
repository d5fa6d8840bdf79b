package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/witness"
)

// packet is the body of a startup's packet.
func packet(t *testing.T, c *client.ClientWithResponses, id uuid.UUID) apptest.Call[*client.GetStartupPacketResult] {
	t.Helper()
	return apptest.Got(c.GetStartupPacketWithResponse(t.Context(), id))
}

func (l *lab) services(t *testing.T, text string) {
	t.Helper()
	apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil, patch(text))).Is(t, 200)
}

func TestAPacketIsOfNobodyElseAndPastItsRetentionOfNobody(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		packet(t, l.component, uuid.New()).Fails(t, 404, "SESSION_NOT_FOUND")
		p := l.start(t, "c")
		packet(t, other.component, p.Startup.StartupID).Fails(t, 404, "SESSION_NOT_FOUND")
		packet(t, l.admin, p.Startup.StartupID).Is(t, 200)
		older := l.opened(t, store.OpenStartupParams{OpenedAt: store.Now(), DeadlineAt: store.Now()})
		packet(t, l.component, older).Fails(t, 410, "HISTORY_GONE")

		told := store.NewID(time.Now())
		apptest.Got(l.component.BackfillStartupsWithResponse(t.Context(), model.Backfill{Startups: []model.OfflineStartup{{
			StartupID: told, ComponentKey: "c", PacketEtag: p.PacketEtag, OpenedAt: time.Now(),
		}}})).Is(t, 200)
		packet(t, l.component, told).Fails(t, 410, "HISTORY_GONE")

		storetest.Behind(t, a.Config.DatabaseURL, `UPDATE startup_sessions SET opened_at = '2020-01-01 00:00:00+00:00' WHERE id = '`+p.Startup.StartupID.String()+`'`)
		packet(t, l.component, p.Startup.StartupID).Fails(t, 410, "HISTORY_GONE")
	})
}

func TestAPacketThatIsNotTheAnsweredOneIsNeverShown(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		p := l.start(t, "c")
		storetest.Behind(t, a.Config.DatabaseURL, `UPDATE packet_bodies SET body = replace(body, '"port":1', '"port":2')`)
		packet(t, l.component, p.Startup.StartupID).Fails(t, 500, "INTERNAL")
	})
}

// answered is what a client recorded of its start: the body, and all of it for a tool.
type recorded struct {
	id   uuid.UUID
	body string
	mcp  bool
}

func TestEachStartupsPacketIsTheVeryOneThatItWasAnsweredWith(t *testing.T) {
	t.Parallel()
	const revisions, forgotten = 50, 5
	each := apptest.Fewer(200)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		c := unchecked(t, a, l.key.APIKey)
		var all []recorded
		var due time.Time
		for n := range revisions {
			l.services(t, fmt.Sprintf(`{"services":{"gate":{"port":%d},"digits":1.10,"<&>":"\u00fc\u003c"}}`, n%20))
			if n == forgotten {
				due = store.Now()
			}
			all = append(all, l.startMany(t, c, n, each)...)
		}
		require.Len(t, all, revisions*each)
		require.Equal(t, revisions, bodies(t, a))
		restarted := apptest.Start(t, a.Config.DatabaseURL)

		l.counted(t)
		// Retention takes the first revisions away: their receipts, once they are overdue, and their packets.
		storetest.Behind(t, a.Config.DatabaseURL, fmt.Sprintf(`UPDATE startup_sessions SET deadline_at = opened_at WHERE manifest_version < %d`, forgotten+2))
		at := store.Now()
		keep := at.Sub(due)
		removed, err := witness.Retention{Store: a.Store, Now: func() time.Time { return at }, Keep: keep, Batch: 500}.Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, forgotten*each, removed)
		later := at.Add(2 * time.Hour) // a packet may have been served for an hour since its body was last seen
		removed, err = witness.Retention{Store: a.Store, Now: func() time.Time { return later }, KeepPackets: keep, Batch: 2}.SweepPackets(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, forgotten, removed)
		c = unchecked(t, restarted, l.key.APIKey)
		packet(t, c, all[0].id).Fails(t, 404, "SESSION_NOT_FOUND")
		requirePackets(t, c, all[forgotten*each:])
	})
}

// unchecked is a client of so many calls that each answer isn't held against openapi.yaml.
func unchecked(t *testing.T, a *apptest.App, key string) *client.ClientWithResponses {
	t.Helper()
	c, err := client.NewClientWithResponses(a.URL, client.WithHTTPClient(&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}}),
		client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error { r.Header.Set(a.Config.APIKeyHeader, key); return nil }))
	require.NoError(t, err)
	return c
}

// startMany records what n starts were answered with, one of ten by /mcp.
func (l *lab) startMany(t *testing.T, c *client.ClientWithResponses, revision, n int) []recorded {
	t.Helper()
	out := make([]recorded, n)
	var starts sync.WaitGroup
	for worker := range 10 {
		starts.Go(func() {
			for i := worker; i < n; i += 10 {
				component := fmt.Sprintf("c-%d", i%3)
				for out[i].id == uuid.Nil && t.Context().Err() == nil { // a machine may be too busy for a second
					if worker > 0 {
						r, err := c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})
						if err == nil && r.StatusCode() == http.StatusOK {
							out[i] = recorded{r.JSON200.Startup.StartupID, string(r.Body), false}
						}
						continue
					}
					body := `{"id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"` + component + `"}}}`
					r, err := c.MCPWithBodyWithResponse(t.Context(), "application/json", strings.NewReader(body))
					if err == nil {
						_, id, _ := strings.Cut(string(r.Body), `"startup_id":"`)
						out[i].id, _ = uuid.Parse(id[:min(36, len(id))])
						out[i].body, out[i].mcp = string(r.Body), true
					}
				}
			}
		})
	}
	starts.Wait()
	for _, r := range out {
		require.NotZero(t, r.id, revision)
	}
	return out
}

func requirePackets(t *testing.T, c *client.ClientWithResponses, all []recorded) {
	t.Helper()
	var wrong sync.Map
	var reads sync.WaitGroup
	for worker := range 10 {
		reads.Go(func() {
			for i := worker; i < len(all); i += 10 {
				r, err := c.GetStartupPacketWithResponse(t.Context(), all[i].id)
				for err == nil && r.StatusCode() == http.StatusServiceUnavailable {
					r, err = c.GetStartupPacketWithResponse(t.Context(), all[i].id)
				}
				same := err == nil && r.StatusCode() == http.StatusOK && string(r.Body) == all[i].body
				if all[i].mcp {
					same = err == nil && r.StatusCode() == http.StatusOK && strings.Contains(all[i].body, `"packet":`+string(r.Body)+`,"packet_etag"`)
				}
				if !same {
					wrong.Store(all[i].id, fmt.Sprint(err, all[i], r))
				}
			}
		})
	}
	reads.Wait()
	wrong.Range(func(_, what any) bool { require.Fail(t, "another packet", "%.2000s", what); return false })
}

func TestManyPrincipalsOfOneProfileAreOneBodyHoweverManyReplicasCompileIt(t *testing.T) {
	t.Parallel()
	n := apptest.Fewer(3000)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, crowd(n))
		replica := apptest.Start(t, a.Config.DatabaseURL)
		var starts sync.WaitGroup
		for worker := range 10 {
			starts.Go(func() {
				for i := worker; i < n; i += 10 {
					c := patient(t, []*apptest.App{a, replica}[i/10%2], token(t, fmt.Sprintf("principal-%05d@mesh", i)))
					_, _ = c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
				}
			})
		}
		starts.Wait()
		opened, err := a.Store.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: int64(n) + 1})
		require.NoError(t, err)
		require.Len(t, opened, n)
		require.Equal(t, 1, bodies(t, a))
		changed := crowd(n)
		changed.Profiles[0].Policy = []byte(`{"n":1}`)
		require.Len(t, w.apply(t, changed, dryRun).Packets, n)
		require.Equal(t, 1, bodies(t, a), "a dry run keeps nothing")
	}, func(c *app.Config) { c.ApplyMaxBytes = 64 << 20 })
}

// bodies counts the kept ones.
func bodies(t *testing.T, a *apptest.App) int {
	t.Helper()
	n, err := a.Store.CountPacketBodies(t.Context())
	require.NoError(t, err)
	return int(n)
}

func TestBodiesAreRemovedWhenNoPacketThatIsKeptWasMadeOfThem(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		p := l.start(t, "c")
		at := store.Now()
		sweep := func(later time.Duration) {
			_, err := witness.Retention{Store: a.Store, Now: func() time.Time { return at.Add(later) }, KeepPackets: time.Hour, Batch: 1}.SweepPackets(t.Context())
			require.NoError(t, err)
		}
		sweep(2 * time.Hour)
		packet(t, l.component, p.Startup.StartupID).Is(t, 200)
		l.counted(t)
		sweep(4 * time.Hour)
		require.Equal(t, 1, bodies(t, a), "the roster compares it with the packet of now")
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		l.start(t, "c")
		l.counted(t)
		sweep(4 * time.Hour)
		packet(t, l.component, p.Startup.StartupID).Fails(t, 410, "HISTORY_GONE")
		require.Equal(t, 1, bodies(t, a))

		// Another server, or this one within the hour, keeps it again before it serves it.
		l.services(t, `{"services":{"gate":{"port":1}}}`)
		again := apptest.Start(t, a.Config.DatabaseURL)
		q := apptest.Got(again.Client(t, l.key.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		require.Equal(t, string(q.Body), string(packet(t, l.component, q.JSON200.Startup.StartupID).Is(t, 200).Body))
	}, func(c *app.Config) { c.PacketRetentionHours = new(int64(0)) })
}

func TestARepeatedBootstrapAfterANewVersionOfTheSameManifestIsAStartOfItsOwn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		key := store.NewID(time.Now()).String()
		first := l.startWith(t, l.component, key, "c").Is(t, 200)
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		l.services(t, `{"services":{"gate":{"port":1}}}`)
		second := l.startWith(t, l.component, key, "c").Is(t, 200)
		require.Equal(t, first.JSON200.PacketEtag, second.JSON200.PacketEtag)
		require.NotEqual(t, first.JSON200.ManifestVersion, second.JSON200.ManifestVersion)
		for _, r := range []*client.BootstrapResult{first, second} {
			require.Equal(t, string(r.Body), string(packet(t, l.component, r.JSON200.Startup.StartupID).Is(t, 200).Body))
		}
	})
}
