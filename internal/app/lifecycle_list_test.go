package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestStartupsAreListedNewestFirstAndByEachFilter(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now()
		at := func(minutes int, component string, sla time.Duration) uuid.UUID {
			opened := now.Add(time.Duration(minutes) * time.Minute)
			return l.opened(t, store.OpenStartupParams{OpenedAt: opened, DeadlineAt: opened.Add(sla), ComponentKey: component})
		}
		overdue, open := at(-40, "a", time.Minute), at(-30, "b", time.Hour)
		up, down := at(-20, "c", time.Minute), at(-10, "d", time.Hour)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200)

		list := func(query string, want ...uuid.UUID) {
			t.Helper()
			got := []uuid.UUID{}
			for next := "startups?limit=3&" + query; next != ""; { // pages, where they are more
				var rows []model.StartupSession
				rows, next = adminList[model.StartupSession](t, a, next)
				for _, s := range rows {
					require.Equal(t, l.get(t, s.StartupID), s)
					got = append(got, s.StartupID)
				}
			}
			require.Equal(t, append([]uuid.UUID{}, want...), got, query)
		}
		list("", down, up, open, overdue)
		list("status=OPEN", open, overdue)
		list("status=OVERDUE", overdue)
		list("status=READY", up)
		list("status=FAILED", down)
		list("component_key=a", overdue)
		list("component_key=a&status=OPEN", overdue)
		list("principal_key="+l.principal.PrincipalKey, down, up, open, overdue)
		list("principal_key=nobody")
		list("since="+now.Add(-20*time.Minute).Format(time.RFC3339Nano), down, up)
		list("since=" + now.Add(time.Hour).Format(time.RFC3339Nano))
	})
}

func TestOfFiftyReportsAtOnceExactlyOneStateWins(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const reporters = 50
		l := newLab(t, a)
		id := l.start(t, "c").Startup.StartupID
		type answer struct {
			status int
			ack    model.StartupAck
			err    error
		}
		answers := make([]answer, reporters)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				<-start
				var out answer
				if i%2 == 0 {
					r, err := l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: fmt.Sprint(i)})
					if out.err = err; err == nil {
						if out.status = r.StatusCode(); r.JSON200 != nil {
							out.ack = *r.JSON200
						}
					}
				} else {
					r, err := l.component.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: id, Error: fmt.Sprint(i)})
					if out.err = err; err == nil {
						if out.status = r.StatusCode(); r.JSON200 != nil {
							out.ack = *r.JSON200
						}
					}
				}
				answers[i] = out
			})
		}
		close(start)
		wg.Wait()

		final := l.get(t, id)
		at := final.ReadyAt
		if final.Status == model.StartupStatusFAILED {
			at = final.FailedAt
			require.True(t, final.ReadyAt.IsNull() && final.BuildVersion.IsNull())
		} else {
			require.True(t, final.FailedAt.IsNull() && final.Error.IsNull())
		}
		want := model.StartupAck{StartupID: id, Status: final.Status, AcknowledgedAt: at.MustGet()}
		for i, got := range answers {
			require.NoError(t, got.err)
			if (i%2 == 0) == (final.Status == model.StartupStatusREADY) {
				require.Equal(t, 200, got.status)
				require.Equal(t, want, got.ack, "every winner is told the same")
			} else {
				require.Equal(t, 409, got.status)
			}
		}
	})
}

func TestWhenAKeyWasLastUsedIsWrittenDown(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		at := store.Now()
		uses := &identity.LastUsed{Store: a.Store, Now: func() time.Time { return at }}
		get := func() model.APIKey {
			return *apptest.Got(l.admin.GetAPIKeyWithResponse(t.Context(), l.key.ID)).Is(t, 200).JSON200
		}
		require.True(t, get().LastUsedAt.IsNull())
		uses.Touch(l.key.ID)
		uses.Touch(uuid.New()) // a key that is gone by now
		require.True(t, get().LastUsedAt.IsNull(), "not on the path of a request")
		uses.Flush(t.Context(), 0)
		require.Equal(t, at, get().LastUsedAt.MustGet())
		require.Equal(t, l.key.UpdatedAt, get().UpdatedAt)

		uses.Flush(t.Context(), 0) // nothing to write
		first := at
		at = at.Add(-time.Hour)
		uses.Touch(l.key.ID)
		uses.Flush(t.Context(), 0)
		require.Equal(t, first, get().LastUsedAt.MustGet(), "it never goes back")
	})
}

func TestTheUsesOfManyKeysAreWrittenInManyCommitsAndAStopLosesNone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		at := store.Now()
		uses := &identity.LastUsed{Store: a.Store, Now: func() time.Time { return at }}
		const n = 1201 // two full chunks and a part of one
		var ids []uuid.UUID
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) error {
			for i := range n {
				id := store.NewID(at)
				if _, err := q.CreateAPIKey(t.Context(), store.CreateAPIKeyParams{
					ID: id, TenantKey: "default", PrincipalID: l.principal.ID, Name: "k", KeyHash: fmt.Sprint(i), Status: "active", CreatedAt: at, UpdatedAt: at,
				}); err != nil {
					return err
				}
				ids = append(ids, id)
				uses.Touch(id)
			}
			return nil
		}))
		ended, end := context.WithCancel(t.Context())
		end()
		uses.Flush(ended, 0)
		first := at
		at = at.Add(time.Second)
		uses.Touch(ids[0])
		uses.Flush(ended, time.Hour)
		uses.Flush(t.Context(), 0)
		for i, id := range ids {
			row, err := a.Store.GetAPIKey(t.Context(), id)
			require.NoError(t, err)
			want := first
			if i == 0 {
				want = at
			}
			require.Equal(t, &want, row.LastUsedAt, i)
		}
	})
}

func TestAServerThatStopsWritesDownWhichKeysWereUsed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		began := store.Now()
		l.start(t, "c")
		require.NoError(t, a.Close())
		again := apptest.Start(t, a.Config.DatabaseURL)
		key := *apptest.Got(again.AdminClient(t).GetAPIKeyWithResponse(t.Context(), l.key.ID)).Is(t, 200).JSON200
		require.WithinRange(t, key.LastUsedAt.MustGet(), began, time.Now())
	})
}
