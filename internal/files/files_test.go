package files

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyASmallRegularFileIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("largest"), make([]byte, Max), 0o600))
	require.NoError(t, os.WriteFile(at("larger"), make([]byte, Max+1), 0o600))
	require.NoError(t, syscall.Mkfifo(at("pipe"), 0o600))
	for name, why := range map[string]string{"none": "no such file or directory", "larger": "over 1 MiB", "pipe": "not a regular file", ".": "not a regular file"} {
		_, err := Read(at(name))
		require.EqualError(t, err, why, name)
	}
	data, err := Read(at("largest"))
	require.NoError(t, err)
	require.Len(t, data, Max)
}

func TestWhoFollowsLooksUntilTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	Follow(ctx, time.Microsecond, func(context.Context) {
		if looks++; looks == 3 {
			cancel()
		}
	})
	require.GreaterOrEqual(t, looks, 3)
}
