package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/events"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// events are all of some types.
func (l *lab) events(t *testing.T, types ...model.EventType) (all []model.Event) {
	t.Helper()
	after := int64(0)
	for {
		p := &model.ListEventsParams{After: &after, Types: types, Limit: new(int64(1000))}
		page := *apptest.Got(l.admin.ListEventsWithResponse(t.Context(), p)).Is(t, 200).JSON200
		all = append(all, page...)
		if len(page) < 1000 {
			return all
		}
		after = page[len(page)-1].Seq
	}
}

// told waits for events of a type, and gives them.
func (l *lab) told(t *testing.T, typ model.EventType, n int) []model.Event {
	t.Helper()
	until(t, func() bool { return len(l.events(t, typ)) >= n })
	all := l.events(t, typ)
	require.Len(t, all, n)
	return all
}

func dataOf(t *testing.T, e model.Event) map[string]any {
	t.Helper()
	var data map[string]any
	require.NoError(t, json.Unmarshal(e.Data, &data))
	return data
}

// gapless asserts that seq has no holes, and that there is one event of a type about a startup.
func (l *lab) gapless(t *testing.T) {
	t.Helper()
	of := map[string]bool{}
	for n, e := range l.events(t) {
		require.EqualValues(t, n+1, e.Seq)
		if id, err := e.StartupID.Get(); err == nil {
			require.False(t, of[string(e.Type)+id.String()], "%v twice", e)
			of[string(e.Type)+id.String()] = true
		}
	}
}

func TestEventsThatNobodyCanTellAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for _, query := range []string{"after=-1", "after=x", "types=startup.lost", "types=", "types=startup.late,nonsense", "limit=0", "limit=1001", "after=9223372036854775808"} {
			w.send(t, "GET", "/v1/admin/events?"+query, "").refused(t, 400, "INVALID_REQUEST")
		}
		w.send(t, "GET", "/v1/admin/events?tenant_key=another", "").refused(t, 403, "FORBIDDEN")
	})
}

func TestEachThatBecomesOfAStartupIsOneEvent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now()
		past := func(component string, instance *string) uuid.UUID {
			return l.opened(t, store.OpenStartupParams{ComponentKey: component, InstanceID: instance, OpenedAt: now.Add(-time.Second), DeadlineAt: now})
		}
		apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil, patch(`{"labels":{"team":"ledger"}}`))).Is(t, 200)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(l.start(t, "up").Startup.StartupID))).Is(t, 200)
		l.start(t, "waiting")
		down := l.start(t, "down").Startup.StartupID
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: down, Error: strings.Repeat("é", 5000)})).Is(t, 200)
		lost, late, replaced, known := past("lost", nil), past("late", nil), past("replaced", new("i")), past("known", nil)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "measured", Source: model.BootstrapRequestSourceBench})).Is(t, 200)

		overdue := l.told(t, model.EventTypeStartupOverdue, 4)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(late))).Is(t, 200)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "replaced", InstanceID: "i"})).Is(t, 200)
		apptest.Got(l.admin.AcknowledgeStartupWithResponse(t.Context(), known, model.Acknowledgement{Reason: "known"})).Is(t, 200)
		require.Equal(t, model.StartupStatusOPEN, (*apptest.Got(l.admin.ListStartupsWithResponse(t.Context(), &model.ListStartupsParams{
			Status: new(model.StartupFilterStatusSUPERSEDED),
		})).Is(t, 200).JSON200)[0].Status) // and with that it is ended
		for typ, id := range map[model.EventType]uuid.UUID{
			model.EventTypeStartupFailed: down, model.EventTypeStartupLate: late, model.EventTypeStartupSuperseded: replaced,
		} {
			e := l.told(t, typ, 1)[0]
			require.Equal(t, id, e.StartupID.MustGet())
			require.Equal(t, "startups/"+id.String(), e.Subject)
			require.Equal(t, l.principal.PrincipalKey, e.PrincipalKey.MustGet())
		}
		require.Contains(t, []uuid.UUID{lost, late, replaced, known}, overdue[0].StartupID.MustGet())
		data := dataOf(t, overdue[0])
		require.Equal(t, map[string]any{"team": "ledger"}, data["owner"])
		require.Equal(t, "OPEN", data["status"])
		require.Equal(t, l.profile.ProfileKey, data["profile"])
		require.EqualValues(t, 1, data["manifest_version"])
		require.Positive(t, data["overdue_seconds"])
		require.WithinDuration(t, now, overdue[0].OccurredAt, 0)
		failure := dataOf(t, l.events(t, model.EventTypeStartupFailed)[0])["error"].(string)
		require.Equal(t, strings.Repeat("é", 2048)+"…", failure)
		require.Equal(t, "1.2.3", dataOf(t, l.events(t, model.EventTypeStartupLate)[0])["build_version"])
		require.NotNil(t, dataOf(t, l.events(t, model.EventTypeStartupSuperseded)[0])["superseded_by"])

		// Acknowledged, and read again from the beginning, by another.
		require.NoError(t, (&events.Recorder{Store: l.Store, Now: store.Now}).Record(t.Context()))
		l.told(t, model.EventTypeStartupOverdue, 4)
		l.gapless(t)
	})
}

// Ended before anybody saw that they were overdue: nobody is to miss that they were.
func TestAStartupThatIsEndedAtItsDeadlineWasOverdue(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		require.NoError(t, l.Close())
		l.App = apptest.Start(t, a.Config.DatabaseURL)
		now := store.Now()
		id := l.opened(t, store.OpenStartupParams{ComponentKey: "c", InstanceID: new("i"), OpenedAt: now.Add(-time.Second), DeadlineAt: now.Add(-time.Millisecond)})
		require.NoError(t, l.Store.InTx(t.Context(), func(q store.Queries) error {
			n, err := q.SupersedeStartup(t.Context(), store.SupersedeStartupParams{ID: id, SupersededBy: &id, SupersededAt: &now})
			require.EqualValues(t, 1, n)
			return err
		}))
		l.admin = l.AdminClient(t)
		require.Less(t, l.told(t, model.EventTypeStartupOverdue, 1)[0].Seq, l.told(t, model.EventTypeStartupSuperseded, 1)[0].Seq)
	})
}

func TestAStartThatIsToldOfAfterwardsIsOverdueWithItsOwnTimes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), "key:"+l.profile.ProfileKey, nil, patch(`{"startup_sla_seconds":1}`))).Is(t, 200)
		start := offline(l.start(t, "c").PacketEtag)
		require.Equal(t, model.BackfillResultResultRecorded, backfill(t, l.component, start)[0].Result)
		l.told(t, model.EventTypeStartupOverdue, 2)
		e := slices.DeleteFunc(l.events(t, model.EventTypeStartupOverdue), func(e model.Event) bool { return e.StartupID.MustGet() != start.StartupID })[0]
		require.Equal(t, start.StartupID, e.StartupID.MustGet())
		require.NotNil(t, dataOf(t, e)["claimed_opened_at"])
	})
}

func TestEachRevisionIsOneEvent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), "key:"+l.profile.ProfileKey,
			&model.UpdateProfileParams{MetagateReason: new("slower disks")}, patch(`{"startup_sla_seconds":7}`))).Is(t, 200)
		revisions := *apptest.Got(l.admin.ListRevisionsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		slices.Reverse(revisions)
		var want []string
		for _, r := range revisions {
			want = append(want, fmt.Sprintf("revisions/%d", r.Revision))
		}
		all := l.told(t, model.EventTypeWorldChanged, len(want))
		var got []string
		for _, e := range all {
			got = append(got, e.Subject)
		}
		require.Equal(t, want, got)
		last := dataOf(t, all[len(all)-1])
		require.Equal(t, "slower disks", last["reason"])
		require.Equal(t, "admin", last["actor"])
		require.Equal(t, []any{map[string]any{"action": "update", "resource_type": "profile", "count": 1.0, "resource_key": l.profile.ProfileKey}}, last["changes"])
		l.gapless(t)
	})
}

// Three replicas, killed at random while ten thousand startups become overdue.
func TestTenThousandOverdueStartupsAreOneEventEach(t *testing.T) {
	t.Parallel()
	binary := buildMetagate(t)
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		many := apptest.Fewer(10_000)
		l := newLab(t, apptest.Start(t, url))
		replicas := []child{spawn(t, binary, url), spawn(t, binary, url)}
		deadline := store.Now().Add(3 * time.Second)
		l.openedMany(t, many, deadline)

		// Recorders that don't ask for their turn, and die at any point.
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for ctx.Err() == nil {
					r := events.Recorder{Store: l.Store, Now: store.Now}
					short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(100_000))*time.Microsecond)
					_ = r.Record(short)
					cancel()
				}
			})
		}
		count := func() int64 {
			b, err := l.Store.EventBounds(t.Context())
			require.NoError(t, err)
			return b.Newest
		}
		for _, n := range []int64{int64(many / 20), int64(many / 3)} { // somebody dies when that many are recorded
			until(t, func() bool { return count() >= n })
			replicas[0].kill()
			replicas = append(replicas[1:], spawnUntil(t, binary, url))
		}
		until(t, func() bool { return len(l.events(t, model.EventTypeStartupOverdue)) >= many })
		cancel()
		all.Wait()
		overdue := l.events(t, model.EventTypeStartupOverdue)
		require.Len(t, overdue, many)
		last := slices.MaxFunc(overdue, func(a, b model.Event) int { return a.RecordedAt.Compare(b.RecordedAt) })
		t.Logf("the last one was recorded %s after its deadline", last.RecordedAt.Sub(deadline))
		l.gapless(t)
	})
}

// openedMany puts receipts of one deadline into the database.
func (l *lab) openedMany(t *testing.T, n int, deadline time.Time, labels ...string) {
	t.Helper()
	at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
	require.NoError(t, err)
	var said []byte
	for _, l := range labels {
		said = []byte(l)
	}
	rows := make([]store.OpenStartupParams, n)
	for i := range rows {
		rows[i] = store.OpenStartupParams{
			ID: store.NewID(store.Now()), TenantKey: l.principal.TenantKey, Epoch: at.Epoch, Source: "live", PrincipalID: l.principal.ID, PrincipalKey: l.principal.PrincipalKey,
			ComponentKey: fmt.Sprint("c", i), ProfileKey: l.profile.ProfileKey, ManifestKey: l.manifest.ManifestKey, ManifestVersion: 1, PacketID: uuid.New(),
			PacketEtag: strings.Repeat("0", 64), OpenedAt: store.Now(), DeadlineAt: deadline, Labels: said,
		}
	}
	for some := range slices.Chunk(rows, 1000) {
		_, err := l.Store.OpenStartups(t.Context(), some)
		require.NoError(t, err)
	}
}

func TestAStalledWriterHoldsUpNoDeadlineAndItsOwnStartupsAreFound(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		if strings.HasPrefix(a.Config.DatabaseURL, "sqlite:") {
			return // one writer: nobody comes after it
		}
		l.openedMany(t, 3, store.Now().Add(time.Second))
		release := l.stalled(t) // until an hour from now
		l.told(t, model.EventTypeStartupOverdue, 3)
		release()

		// Committed long after its deadline.
		held, let, done := make(chan uuid.UUID, 1), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- l.Store.InTx(t.Context(), func(q store.Queries) error {
				at, err := q.GetRevision(t.Context(), l.principal.TenantKey)
				if err != nil {
					return err
				}
				now := store.Now()
				p := store.OpenStartupParams{
					ID: store.NewID(now), TenantKey: l.principal.TenantKey, Epoch: at.Epoch, Source: "live", PrincipalID: l.principal.ID, PrincipalKey: l.principal.PrincipalKey,
					ComponentKey: "held", ProfileKey: "p", ManifestKey: "m", ManifestVersion: 1, PacketID: uuid.New(), PacketEtag: "e", OpenedAt: now, DeadlineAt: now.Add(time.Millisecond),
				}
				_, err = q.OpenStartup(t.Context(), p)
				held <- p.ID
				<-let
				return err
			})
		}()
		id := <-held
		l.openedMany(t, 2, store.Now().Add(time.Millisecond))
		l.told(t, model.EventTypeStartupOverdue, 5)
		close(let)
		require.NoError(t, <-done)
		require.Equal(t, id, l.told(t, model.EventTypeStartupOverdue, 6)[5].StartupID.MustGet())
		l.gapless(t)
	})
}
