package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestImportAsksOnATerminalAfterItHasShownWhatWouldChange(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	url := originalDatabase(t, original660b040, originalWorld)
	before := ok(t, a, "export")
	code, said, log := converse(t, a, "n\n", "import", url)
	require.Equal(t, 1, code)
	require.Contains(t, said, "+ principal asyncgate\n")
	require.Contains(t, said, "13 to create")
	require.Contains(t, log, "nothing was imported")
	require.Equal(t, before, ok(t, a, "export"))

	code, said, _ = converse(t, a, "y\n", "import", url)
	require.Zero(t, code)
	require.Contains(t, said, "apply? [y/N] y\ndone: 13 created, 0 updated, 0 deleted, 0 unchanged\n")
	code, said, _ = converse(t, a, "", "import", url)
	require.Zero(t, code)
	require.NotContains(t, said, "apply?", "there is nothing to ask")
	_, said, _ = converse(t, a, "", "import", url, "--yes")
	require.NotContains(t, said, "apply?")
}
