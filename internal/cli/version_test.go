package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionNamesTheBuild(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--version"}, {"serve", "--version"}} {
		require.Equal(t, "metagate dev\n", done(t, nil, args...))
	}
}

// The binary as it ships: built without cgo, stamped, alone in its directory.
func TestTheShippedBinaryKnowsItsVersionAndServes(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "metagate")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.version=v9.8.7", "-o", binary, "../../cmd/metagate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))

	var out bytes.Buffer
	v := command(t, nil, "version")
	v.Path, v.Stdout = binary, &out
	require.NoError(t, v.Run())
	require.Equal(t, "metagate v9.8.7\n", out.String())

	s := command(t, nil, "serve", "--host=127.0.0.1", "--port=0")
	s.Path = binary
	p := await(t, s)
	r, err := p.client(t, "mgk_x").GetInfoWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, "v9.8.7", r.JSON200.Build)
	code, log := p.stop(t, os.Interrupt)
	require.Zero(t, code, log)
}
