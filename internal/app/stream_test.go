package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const streamPath = "/v1/admin/stream"

func TestStreamsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w, l := adminWire(a), newLab(t, a)
		for _, id := range []string{
			"x", "7", "c1", "c1.t1.e1.w1", "c1.t1.e1.w1-0", "c1.t1.e1.w1-0000000g", "c-1.t1.e1.w1-00000000", "c01.t1.e1.w1-00000000", "c1.t1.e1.w1-00000000x",
			"c1.t1.e1.w1-00000000 ", "c99999999999999999999.t1.e1.w1-00000000", strings.Repeat("c", 300),
		} {
			if strings.TrimSpace(id) != id {
				continue // which HTTP takes off
			}
			w.send(t, "GET", streamPath, "", "Last-Event-ID", id).refused(t, 400, "INVALID_REQUEST")
		}
		for _, query := range []string{"types=weather", "types=", "types=startup,weather", "status=LOST", "profile_key=%20", "component_key=", "tenant_key=%20", "stat=OPEN", "instance_id="} {
			w.send(t, "GET", streamPath+"?"+query, "").refused(t, 400, "INVALID_REQUEST")
		}
		w.send(t, "GET", streamPath+"?tenant_key=another", "").refused(t, 403, "FORBIDDEN")
		wire{a, l.key.APIKey}.send(t, "GET", streamPath, "").refused(t, 403, "FORBIDDEN")
	})
}

func TestAStreamTellsWhatBecomesOfStartups(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "before")
		h := adminWire(a).listen(t, streamPath+"?types=startup")
		up, down := l.start(t, "up").Startup.StartupID, l.start(t, "down").Startup.StartupID
		require.False(t, h.until(t, up, isIn(model.StartupStatusOPEN)).Overdue)
		h.until(t, down, isIn(model.StartupStatusOPEN))
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200)
		told := h.until(t, up, isIn(model.StartupStatusREADY))
		require.JSONEq(t, string(marshalled(t, (*apptest.Got(l.admin.ListStartupsWithResponse(t.Context(), &model.ListStartupsParams{ComponentKey: new("up")})).Is(t, 200).JSON200)[0])), string(marshalled(t, told)))
		require.Contains(t, string(told.Health.MustGet()), "1.10") // with its digits
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200)
		h.until(t, down, isIn(model.StartupStatusFAILED))

		// Nothing is written when a deadline passes.
		now := store.Now()
		late := l.opened(t, store.OpenStartupParams{ComponentKey: "late", OpenedAt: now, DeadlineAt: now.Add(time.Second)})
		require.False(t, h.until(t, late, func(model.StartupSession) bool { return true }).Overdue)
		require.True(t, h.until(t, late, func(model.StartupSession) bool { return true }).Overdue)
		apptest.Got(l.admin.AcknowledgeStartupWithResponse(t.Context(), late, model.Acknowledgement{Reason: "known"})).Is(t, 200)
		require.Equal(t, "known", h.until(t, late, func(s model.StartupSession) bool { return !s.Overdue }).AcknowledgedReason.MustGet())
	})
}

func marshalled(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func TestAStreamIsFiltered(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		other := newLab(t, a)
		now := store.Now()
		listening := map[string]*hearing{}
		for _, query := range []string{
			"component_key=wanted", "profile_key=" + l.profile.ProfileKey, "principal_key=" + l.principal.PrincipalKey, "instance_id=one", "status=FAILED", "status=OVERDUE", "types=world",
		} {
			if query != "types=world" {
				query = "types=startup&" + query
			}
			listening[query] = adminWire(a).listen(t, streamPath+"?"+query)
		}
		unwanted := other.start(t, "unwanted").Startup.StartupID
		wanted := *apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "wanted", InstanceID: "one"})).Is(t, 200).JSON200
		overdue := l.opened(t, store.OpenStartupParams{OpenedAt: now.Add(-time.Hour), DeadlineAt: now.Add(-time.Minute), ComponentKey: "wanted", InstanceID: new("one")})
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(wanted.Startup.StartupID))).Is(t, 200)
		l.addProfile(t)
		for query, h := range listening {
			e, err := h.Next()
			require.NoError(t, err, query)
			if query == "types=world" {
				require.Equal(t, "world", e.Type)
				continue
			}
			id := says[model.StartupSession](t, e).StartupID
			require.NotEqual(t, unwanted, id, query)
			switch query {
			case "types=startup&status=OVERDUE":
				require.Equal(t, overdue, id)
			case "types=startup&status=FAILED":
				require.Equal(t, wanted.Startup.StartupID, id)
			}
		}
	})
}

func TestAStreamTellsChangesOfTheWorld(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		h := adminWire(a).listen(t, streamPath+"?types=world")
		var last sse.Event
		for range 3 {
			l.addProfile(t)
			at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
			require.NoError(t, err)
			for {
				last = h.next(t, "world")
				change := says[model.WorldChange](t, last)
				require.Equal(t, l.principal.TenantKey, change.TenantKey)
				if require.LessOrEqual(t, change.Revision, at.Revision); change.Revision == at.Revision {
					break
				}
			}
		}
		// Whoever has heard of it isn't told again; whoever was away is.
		h.stop()
		again := adminWire(a).listen(t, streamPath+"?types=world", "Last-Event-ID", last.ID)
		l.addProfile(t)
		at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
		require.NoError(t, err)
		require.Equal(t, at.Revision, says[model.WorldChange](t, again.next(t, "world")).Revision)
		again.stop()
		require.Equal(t, at.Revision, says[model.WorldChange](t, adminWire(a).listen(t, streamPath+"?types=world", "Last-Event-ID", last.ID).next(t, "world")).Revision)
	})
}

func TestNobodyHearsOfAnotherTenant(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "-theirs")
		startups := theirs.admin.listen(t, streamPath+"?types=startup")
		ours, other := adminWire(a).listen(t, streamPath+"?types=startup"), theirs.admin.listen(t, streamPath)
		got := theirs.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"secret"}`)
		require.Equal(t, 200, got.Status)
		require.Equal(t, "secret", startups.until(t, uuid.MustParse(got.Header.Get("Metagate-Startup-Id")), isIn(model.StartupStatusOPEN)).ComponentKey)
		theirs.admin.create(t, "/v1/admin/profiles", `{"profile_key":"secret"}`)
		for {
			if e, err := other.Next(); err != nil || e.Type == "world" {
				require.NoError(t, err)
				require.Equal(t, "theirs", says[model.WorldChange](t, e).TenantKey)
				break
			}
		}
		mine := l.start(t, "mine").Startup.StartupID
		require.Equal(t, mine, ours.startup(t).StartupID) // the first that it hears of
		other.stop()
		resumed := adminWire(a).listen(t, streamPath, "Last-Event-ID", "c0.t"+fmt.Sprint(store.Now().UnixMicro())+".e0.w0-00000000")
		for {
			e, err := resumed.Next()
			require.NoError(t, err)
			require.NotContains(t, e.Data, "theirs")
			if strings.Contains(e.Data, mine.String()) {
				break
			}
		}
	})
}
