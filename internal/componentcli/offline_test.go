package componentcli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

func TestWhileMetaGateIsAwayACommandStartsWithThePacketOnDiskWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	l := sqlite(t) // which signs
	var status atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code := int(status.Load()); code != 0 {
			w.WriteHeader(code)
			return
		}
		forward(t, w, r, l.URL)
	}))
	t.Cleanup(proxy.Close)
	state := t.TempDir()
	env := l.env("METAGATE_URL="+proxy.URL, "METAGATE_BUDGET=1m", "STATE_DIRECTORY="+state) // of a machine that may be busy
	away := slices.Concat(env, []string{"METAGATE_BUDGET=300ms"})
	const script = `echo "$METAGATE_PACKET_SOURCE $URL"; grep -c "$METAGATE_STARTUP_ID" "$METAGATE_PACKET_FILE"`
	args := []string{"--ready=exit", "--offline-ok", "--map=services.memorygate.endpoint=URL"}

	status.Store(503)
	require.Equal(t, 75, sh(t, away, script, args...).code, "nothing is on disk")
	status.Store(0)
	r := sh(t, env, script, args...)
	require.Equal(t, "live http://memorygate:8001/mcp\n1\n", r.out, r.log)
	kept, err := filepath.Glob(state + "/*")
	require.NoError(t, err)
	require.NotEmpty(t, kept)

	status.Store(503)
	require.Equal(t, 75, sh(t, away, script, "--ready=exit").code, "it isn't allowed")
	r = sh(t, away, script, args...)
	require.Zero(t, r.code, r.log)
	require.Equal(t, "cache http://memorygate:8001/mcp\n1\n", r.out)
	require.Equal(t, 75, sh(t, away, script, append(args, "--cache-max-age=1ns")...).code, "it is too old")
	require.Len(t, l.startups(t), 1)
	status.Store(0)
	var cached []model.StartupSession
	until(t, func() bool {
		require.Zero(t, sh(t, env, script, args...).code, "the next start tells, though it ends at once; a busy machine's one after it")
		cached = nil
		for _, s := range l.startups(t) {
			if s.Source == "cache" {
				cached = append(cached, s)
			}
		}
		return len(cached) == 1
	}, "the start is on the record")
	require.Equal(t, model.StartupStatusREADY, cached[0].Status)

	status.Store(503)
	p := start(t, command(t, away, "exec", "--offline-ok", "--ready=after:1ms", "--", "sh", "-c", "echo $METAGATE_PACKET_SOURCE; exec sleep 60"))
	p.says(t, "cache")
	status.Store(0)
	until(t, func() bool { return strings.Count(said(t, l), `"source":"cache"`) == 2 }, "it is told while the command runs")

	r = sh(t, append(env, "METAGATE_API_KEY=mgk_revoked"), script, args...)
	require.Equal(t, 69, r.code, "a refusal stays one")
	for _, name := range kept {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, name)
	}
}

func said(t *testing.T, l lab) string {
	t.Helper()
	text, err := json.Marshal(l.startups(t))
	require.NoError(t, err)
	return string(text)
}
