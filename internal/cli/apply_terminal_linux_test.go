package cli

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAPlanIsColouredOnATerminalUnlessNOCOLORIsSet(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	world := file(t, "profiles: [{profile_key: p}]")
	for _, noColor := range []string{"", "1"} {
		r, w := terminal(t)
		cmd := command(t, []string{"METAGATE_URL=" + a.URL, "METAGATE_API_KEY=" + apptest.AdminKey, "NO_COLOR=" + noColor}, "apply", "--dry-run", "-f", world)
		cmd.Stdout, cmd.Stderr = w, os.Stderr
		require.NoError(t, cmd.Start())
		require.NoError(t, w.Close())
		text, _ := io.ReadAll(r) // ends with an error when the other end is closed
		require.NoError(t, cmd.Wait())
		require.NoError(t, r.Close())
		if noColor == "" {
			require.Contains(t, string(text), "\x1b[32m+\x1b[0m profile \x1b[1mp\x1b[0m")
		} else {
			require.Contains(t, string(text), "+ profile p")
			require.NotContains(t, string(text), "\x1b")
		}
	}
}
