package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// The tables of a new database are empty when PostgreSQL plans for them, and nobody has
// analysed them: what it thinks best then reads all receipts for a report.
func TestInANewDatabaseStartupsAreOpenedReportedAndReadByIndexesAlone(t *testing.T) {
	t.Parallel()
	const batches, size = 12, 20
	url := testdb.Postgres(t, storetest.Migrate)
	s := open(t, url)
	epoch, err := storetest.Move(t.Context(), s, "t")
	require.NoError(t, err)
	now, after := store.Now(), int64(0)
	for range batches {
		var opens []store.OpenStartupParams
		var reports []store.ReportStartupParams
		for range size {
			id := store.NewID(now)
			opens = append(opens, store.OpenStartupParams{
				ID: id, TenantKey: "t", Epoch: epoch, Source: "live", PrincipalID: uuid.Nil, PrincipalKey: "p", ComponentKey: "c", ProfileKey: "f",
				ManifestKey: "m", ManifestVersion: 1, PacketID: uuid.New(), PacketEtag: "e", OpenedAt: now, DeadlineAt: now.Add(time.Minute),
			})
			reports = append(reports, store.ReportStartupParams{ID: id, Status: "READY", ReadyAt: &now, PrincipalID: uuid.Nil, CallerTenant: "t", CallerEpoch: epoch})
		}
		opened, err := s.Hot().OpenStartups(t.Context(), opens)
		require.NoError(t, err)
		require.NotContains(t, opened, store.Stale)
		won, err := s.Hot().ReportStartups(t.Context(), reports)
		require.NoError(t, err)
		require.Len(t, won, size)
		upTo, err := s.Settled(t.Context())
		require.NoError(t, err)
		rows, err := s.ListChanges(t.Context(), store.ListChangesParams{FromChange: after, AfterID: store.MaxID, UpTo: upTo, RowLimit: batches * size})
		require.NoError(t, err)
		require.Len(t, rows, size)
		after = rows[size-1].Changed
	}
	s.Close() // PostgreSQL's counters are of the connections that have ended

	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var byIndex, through int64
		err := conn.QueryRow(t.Context(), "SELECT idx_scan, seq_scan FROM pg_stat_user_tables WHERE relname = 'startup_sessions'").Scan(&byIndex, &through)
		require.NoError(c, err)
		assert.GreaterOrEqual(c, byIndex, int64(batches*size+batches))
		assert.Zero(c, through)
	}, time.Minute, 50*time.Millisecond)
}
