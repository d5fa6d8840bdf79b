package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/testdb"
)

func TestManyProcessesMayMigrateAnEmptyDatabaseAtTheSameTime(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		const processes = 4
		type result struct {
			done []store.Migration
			err  error
		}
		results := make(chan result, processes)
		start := make(chan struct{})
		for range processes {
			s := open(t, url)
			go func() {
				<-start
				done, err := s.Migrate(t.Context())
				results <- result{done, err}
			}()
		}
		close(start)
		applied := 0
		for range processes {
			r := <-results
			require.NoError(t, r.err)
			applied += len(r.done)
		}
		s := open(t, url)
		known, err := s.Migrations(t.Context())
		require.NoError(t, err)
		require.Len(t, known, applied, "each migration is applied once")
		require.NoError(t, s.Ready(t.Context()))
	})
}

func TestAnEmptyDatabaseAnswersButIsNotReady(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		s := open(t, url)
		require.NoError(t, s.Ping(t.Context()))
		require.ErrorContains(t, s.Ready(t.Context()), "pending")
		known, err := s.Migrations(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, known)
		for _, m := range known {
			require.True(t, m.AppliedAt.IsZero())
		}
		undone, err := s.MigrateDown(t.Context())
		require.NoError(t, err)
		require.Zero(t, undone)
	})
}
