package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASigningKeyIsMadeOnceAndRotated(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signing.pem")
	keys := func() int {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Count(string(text), "BEGIN PRIVATE KEY")
	}
	r := metagate(t, nil, "keys", "signing", file, "--rotate")
	require.Equal(t, 1, r.code, r.log)
	require.Contains(t, oneLine(t, r.log), "SIGNING_KEY_FILE")
	first := done(t, nil, "keys", "signing", file)
	require.Regexp(t, `^[A-Za-z0-9_-]{43}\n$`, first)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	r = metagate(t, nil, "keys", "signing", file)
	require.Equal(t, 1, r.code)
	require.Contains(t, oneLine(t, r.log), "--rotate")
	require.Equal(t, 1, keys(), "and nothing is lost")

	r = metagate(t, []string{"SIGNING_KEY_FILE=" + file}, "keys", "signing", "--rotate", "--lead=10m", "--keep=30d")
	require.Zero(t, r.code, r.log)
	require.NotEqual(t, first, r.out)
	require.Equal(t, 2, keys())

	require.NoError(t, os.WriteFile(file, []byte("broken"), 0o600))
	r = metagate(t, nil, "keys", "signing", file, "--rotate")
	require.Equal(t, 1, r.code)
	require.Contains(t, oneLine(t, r.log), "no private key")
}
