package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestKeysAreRotatedWithOverlapOnEveryReplica(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l := newLab(t, apptest.Start(t, url))
		replica := &lab{App: apptest.Start(t, url)}
		old := l.key
		for range 5 {
			fresh := l.addKey(t, l.principal.ID)
			for _, server := range []*lab{l, replica} {
				require.True(t, server.opens(t, old.APIKey), "both open while they overlap")
				require.True(t, server.opens(t, fresh.APIKey))
			}
			apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), old.ID, nil)).Is(t, 204)
			require.False(t, replica.opens(t, old.APIKey), "the very next request")
			require.False(t, l.opens(t, old.APIKey))
			require.True(t, replica.opens(t, fresh.APIKey))
			old = fresh
		}
	})
}

func TestWhenAKeyWasUsedIsWrittenDownInTheBackground(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		l := newLab(t, a)
		unused := l.addKey(t, l.principal.ID)
		before, revision := time.Now(), worldsOf(t, a).revision(t)
		for range 3 {
			require.True(t, l.opens(t, l.key.APIKey))
		}
		require.NoError(t, a.Close(), "writes what is not written yet")

		again := apptest.Start(t, url)
		admin := again.AdminClient(t)
		used := *apptest.Got(admin.GetAPIKeyWithResponse(t.Context(), l.key.ID)).Is(t, 200).JSON200
		require.WithinRange(t, used.LastUsedAt.MustGet(), before.Add(-time.Millisecond), time.Now())
		row := *apptest.Got(admin.GetAPIKeyWithResponse(t.Context(), unused.ID)).Is(t, 200).JSON200
		require.True(t, row.LastUsedAt.IsNull())
		require.Equal(t, revision, worldsOf(t, again).revision(t), "a use is no change of the world")
	})
}
