package cli

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// room sets how large p's files may grow.
func room(t *testing.T, p *process, bytes uint64) {
	t.Helper()
	var was unix.Rlimit
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, syscall.RLIMIT_FSIZE, nil, &was))
	was.Cur = min(bytes, was.Max)
	require.NoError(t, unix.Prlimit(p.cmd.Process.Pid, syscall.RLIMIT_FSIZE, &was, nil))
}

func TestAServerOnAFullDiskIsNotReadyUntilThereIsRoomAgain(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.SQLite(t)}
	k := key(t, env, "seed")
	p := serve(t, env)
	c := p.client(t, k)
	ready := func() int {
		r, err := c.GetReadyWithResponse(t.Context())
		require.NoError(t, err)
		return r.StatusCode()
	}
	start := func() int {
		r, err := c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})
		require.NoError(t, err)
		return r.StatusCode()
	}
	require.Equal(t, 200, start())
	require.Equal(t, 200, ready())
	room(t, p, 0)
	require.Equal(t, 503, start())
	require.Equal(t, 503, ready())
	require.Equal(t, 503, ready())
	room(t, p, ^uint64(0))
	require.Equal(t, 200, ready(), "though nobody has come since")
	require.Equal(t, 200, start())
}
