package app_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// upgraded makes the database that of a server before a migration, and starts this one on it.
func (l *lab) upgraded(t *testing.T, migration int64) {
	t.Helper()
	require.NoError(t, l.Close())
	st, err := store.Open(t.Context(), l.Config.DatabaseURL)
	require.NoError(t, err)
	for undone := (store.Migration{}); undone.Version != migration; {
		undone, err = st.MigrateDown(t.Context())
		require.NoError(t, err)
		require.NotZero(t, undone.Version)
	}
	st.Close()
	l.App = apptest.Start(t, l.Config.DatabaseURL)
	l.admin, l.component = l.AdminClient(t), l.Client(t, l.key.APIKey)
}

// Nobody counted them, and half a count would be a lie: outcomes begin with the upgrade.
func TestStartsOfBeforeTheUpgradeAreOnTheRosterAndInNoCount(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		up, coming := l.start(t, "up"), l.start(t, "coming")
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up.Startup.StartupID))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(l.start(t, "down").Startup.StartupID))).Is(t, 200)
		past := l.principal.CreatedAt.Add(-time.Hour)
		l.opened(t, store.OpenStartupParams{ComponentKey: "lost", OpenedAt: past, DeadlineAt: past.Add(time.Minute)})
		l.upgraded(t, 7)

		mine := &model.ListRosterParams{PrincipalKey: &l.principal.PrincipalKey}
		is := func(lines, counts string) {
			t.Helper()
			told := ""
			for _, o := range l.outcomes(t, model.OutcomeDimensionComponent) {
				told += fmt.Sprint(o.Name.MustGet(), o.Started, o.Ready, o.Failed, o.Overdue, o.Waiting, ";")
			}
			require.Equal(t, counts, told)
			require.Equal(t, l.principal.PrincipalKey+" FAILED\n"+lines+"\ndown  FAILED current 0\nlost  OVERDUE outdated 0\nup  READY current 0", l.roster(t, mine))
		}
		is("coming  OPEN current 0", "")
		l.counted(t)
		is("coming  OPEN current 0", "")

		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(coming.Startup.StartupID))).Is(t, 200)
		is("coming  READY current 0", "")
		l.counted(t)
		is("coming  READY current 0", "")

		again := l.start(t, "coming")
		is("coming  OPEN current 0", "coming1 0 0 0 1;")
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(again.Startup.StartupID))).Is(t, 200)
		l.counted(t)
		is("coming  READY current 0", "coming1 1 0 0 0;")

		// Which sections differ is known of those of before, too: their receipts name the bodies.
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		require.Equal(t, map[string]string{"coming": "services", "down": "services", "up": "services", "lost": ""}, l.sections(t))
	})
}

func TestHistoryOfAnUpgradedDatabaseBeginsWithTheWorldThatItHad(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		before := l.start(t, "c")
		l.upgraded(t, 6)
		w := worldsOf(t, l.App)
		start, world := w.revision(t), w.export(t, asJSON)
		packet(t, l.component, before.Startup.StartupID).Fails(t, 410, "HISTORY_GONE")
		apptest.Got(l.admin.ExportWorldWithResponse(t.Context(), &model.ExportWorldParams{Revision: new(start - 1)})).Fails(t, 410, "HISTORY_GONE")
		require.Equal(t, world, w.exportAt(t, start))

		l.services(t, `{"services":{"gate":{"port":2}}}`)
		l.expect(t, `{"labels":{"owner":"team-a"}}`)
		require.Equal(t, world, w.exportAt(t, start))
		require.Len(t, w.diff(t, start, nil).Packets, 1)
		explain := &model.ExplainPacketParams{ComponentKey: "c", Revision: &start}
		told := apptest.Got(l.admin.ExplainPacketWithResponse(t.Context(), l.principal.ID.String(), explain)).Is(t, 200).JSON200
		require.Equal(t, before.PacketEtag, told.PacketEtag)
		w.rollback(t, model.Rollback{Revision: start})
		require.Equal(t, world, w.export(t, asJSON))
		require.Equal(t, before.PacketEtag, l.start(t, "c").PacketEtag)
	})
}
