package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func sqliteURL(t *testing.T) string {
	t.Helper()
	return testdb.SQLite(t)
}

func TestWhatIsExportedAppliesAsNoChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		world := ok(t, a, "export")
		require.Contains(t, world, "\nprofiles:\n  - profile_key: gate\n")
		require.Equal(t, "done: 0 created, 0 updated, 0 deleted, 26 unchanged\n", ok(t, a, "apply", "--prune", "-f", file(t, world)))
		require.Equal(t, world, ok(t, a, "export"))

		empty := apptest.Start(t, sqliteURL(t))
		ok(t, empty, "apply", "--prune", "-f", file(t, world))
		require.Equal(t, world, ok(t, empty, "export"))
	})
}

func TestAnotherTenantIsExportedWithTheRightToIt(t *testing.T) {
	t.Parallel()
	own := apptest.Start(t, sqliteURL(t))
	r := remotely(t.Context(), own, "export", "--tenant=other")
	require.Equal(t, 3, r.code)
	require.Contains(t, oneLine(t, r.log), "FORBIDDEN")
	require.Empty(t, r.out)

	every := apptest.Start(t, sqliteURL(t), func(c *app.Config) { c.AdminAllowCrossTenant = true })
	ok(t, every, "apply", "-f", file(t, "tenant_key: other\nprofiles: [{profile_key: theirs}]\n"))
	require.Contains(t, ok(t, every, "export", "--tenant=other"), "theirs")
	require.NotContains(t, ok(t, every, "export"), "theirs")
}
