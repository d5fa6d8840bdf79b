package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// BenchmarkOpenStartups tells what a row of a batch costs: ns/row.
func BenchmarkOpenStartups(b *testing.B) {
	for engine, url := range map[string]func(testing.TB) string{
		"postgres": func(tb testing.TB) string { return testdb.Postgres(tb, storetest.Migrate) },
		"sqlite": func(tb testing.TB) string {
			url := testdb.SQLite(tb)
			require.NoError(tb, storetest.Migrate(tb.Context(), url))
			return url
		},
	} {
		b.Run(engine, func(b *testing.B) {
			s, err := store.Open(b.Context(), url(b))
			require.NoError(b, err)
			b.Cleanup(s.Close)
			epoch, err := storetest.Move(b.Context(), s, "default")
			require.NoError(b, err)
			rows := make([]store.OpenStartupParams, 24)
			for b.Loop() {
				now := store.Now()
				for i := range rows {
					rows[i] = store.OpenStartupParams{
						ID: store.NewID(now), TenantKey: "default", Epoch: epoch, Source: "live", PrincipalID: uuid.Nil, PrincipalKey: "memorygate",
						ComponentKey: "memorygate_main", ProfileKey: "memorygate-profile", ManifestKey: "legivellum-mesh", ManifestVersion: 1, PacketID: uuid.New(),
						PacketEtag: "0000000000000000000000000000000000000000000000000000000000000000", OpenedAt: now, DeadlineAt: now.Add(time.Minute), PacketBody: new(int64(1 << 61)),
					}
				}
				opened, err := s.Hot().OpenStartups(b.Context(), rows)
				require.NoError(b, err)
				require.Equal(b, store.Opened, opened[0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(rows)), "ns/row")
		})
	}
}
