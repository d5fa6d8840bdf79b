package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// unread starts a server whose log is read up to the line that says where it listens.
func unread(t *testing.T) (p *process, log *bufio.Reader, read *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = read.Close() })
	cmd := command(t, []string{"DATABASE_URL=" + testdb.SQLite(t)}, "serve", "--host=127.0.0.1", "--port=0")
	cmd.Stderr = write
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.NoError(t, write.Close())
	log = bufio.NewReader(read)
	for {
		line, err := log.ReadBytes('\n')
		require.NoError(t, err)
		var l struct{ Msg, URL string }
		require.NoError(t, json.Unmarshal(line, &l))
		if l.Msg == "MetaGate listens" {
			return &process{cmd: cmd, url: l.URL}, log, read
		}
	}
}

// answers demands an answer to many requests whose lines are long.
func answers(t *testing.T, p *process, requests int) {
	t.Helper()
	long := p.url + "/" + strings.Repeat("long", 900)
	for range requests {
		for url, status := range map[string]int{long: http.StatusNotFound, p.url + "/health": http.StatusOK} {
			r, err := http.Get(url)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, r.Body)
			require.NoError(t, r.Body.Close())
			require.Equal(t, status, r.StatusCode)
		}
	}
}

func TestAServerWhoseLogNobodyReadsAnswersAndEnds(t *testing.T) {
	t.Parallel()
	p, _, _ := unread(t)
	answers(t, p, 1500)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait())
}

func TestAServerWhoseLogIsReadAgainTellsHowManyLinesItDropped(t *testing.T) {
	t.Parallel()
	p, log, _ := unread(t)
	answers(t, p, 1500)
	r, err := p.client(t, "mgk_x").GetMetricsWithResponse(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `(?m)^metagate_log_lines_dropped_total [1-9]`, string(r.Body))
	for {
		line, err := log.ReadBytes('\n')
		require.NoError(t, err)
		require.LessOrEqual(t, len(line), 4096)
		var l struct {
			Level, Msg string
			Lines      int
		}
		require.NoError(t, json.Unmarshal(line, &l))
		if l.Lines > 0 {
			require.Equal(t, "WARN", l.Level)
			require.Contains(t, l.Msg, "dropped")
			return
		}
	}
}

func TestAServerWhoseLogReaderIsGoneAnswersAndEnds(t *testing.T) {
	t.Parallel()
	p, _, read := unread(t)
	require.NoError(t, read.Close())
	answers(t, p, 10)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait())
}
