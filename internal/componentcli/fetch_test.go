package componentcli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAnInitContainerFetchesAndAStartupProbeReports(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a, model.SecretRefCreate{SecretKey: "db", RefName: "DB_PASSWORD"})
		dir := t.TempDir()
		packet := dir + "/packet.json"
		require.NoError(t, os.WriteFile(dir+"/t", []byte(`{{.services.memorygate.endpoint}}`), 0o600))
		port := freePort(t)
		env := l.env("METAGATE_PACKET_FILE="+packet, "METAGATE_READY=tcp:"+port)

		r := run(t, env, "healthcheck", "--startup")
		require.Equal(t, 1, r.code)
		require.Contains(t, r.log, "METAGATE_PACKET_FILE")
		require.Equal(t, 78, run(t, env, "fetch", "--check-secrets").code)
		require.NoFileExists(t, packet)
		require.Equal(t, 78, run(t, env, "fetch", "--template="+dir+"/none:"+dir+"/out").code)
		require.Equal(t, model.StartupStatusFAILED, l.startup(t).Status)

		r = run(t, env, "fetch", "--install="+dir+"/metagate", "--file-mode=0640", "--template="+dir+"/t:"+dir+"/out")
		require.Zero(t, r.code, r.log)
		out, err := os.ReadFile(dir + "/out")
		require.NoError(t, err)
		require.Equal(t, "http://memorygate:8001/mcp", string(out))
		info, err := os.Stat(packet)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640), info.Mode())
		installed := start(t, program(t, dir+"/metagate", nil, "version"))
		require.Zero(t, installed.code(t))
		require.Equal(t, "metagate test\n", installed.out.String())

		r = run(t, env, "healthcheck", "--startup")
		require.Equal(t, 1, r.code, "nobody listens")
		require.Contains(t, r.log, "tcp:"+port)
		require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status)

		up, err := net.Listen("tcp", "127.0.0.1:"+port)
		require.NoError(t, err)
		defer up.Close()
		r = run(t, append(env, "METAGATE_URL=http://127.0.0.1:1"), "healthcheck", "--startup")
		require.Equal(t, 1, r.code, "the next probe may report it")
		require.Equal(t, result{}, run(t, env, "healthcheck", "--startup"))
		require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)
		away := slices.Concat(env, []string{"METAGATE_URL=http://127.0.0.1:1"})
		require.Equal(t, result{}, run(t, away, "healthcheck", "--startup"), "it is reported")
		require.NoError(t, up.Close())
		r = run(t, away, "healthcheck", "--startup")
		require.Equal(t, 1, r.code, "the container is started again, without the one that fetches")
		require.Contains(t, r.log, "tcp:"+port)
	})
}

func TestAStartupProbeBesideExecSaysWhatExecKnows(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	packet := t.TempDir() + "/packet.json"
	env := l.env("METAGATE_PACKET_FILE=" + packet)
	p := start(t, command(t, env, "exec", "--ready=file:up", "--", "sh", "-c", "echo $METAGATE_PACKET_FILE; exec sleep 60"))
	p.says(t, packet)
	r := run(t, env, "healthcheck", "--startup")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.log, "is OPEN")
	require.NoError(t, os.WriteFile(p.Dir+"/up", nil, 0o600))
	l.becomes(t, model.StartupStatusREADY)
	require.NoError(t, l.Close())
	require.Equal(t, result{}, run(t, env, "healthcheck", "--startup"), "MetaGate isn't asked")
}

func TestWhatAKilledExecLeftSaysNothingOfTheNextStart(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	asked := make(chan struct{}, 9)
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		read(t, r.Body) // or its end isn't seen
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	packet := t.TempDir() + "/packet.json"
	env := l.env("METAGATE_PACKET_FILE="+packet, "METAGATE_READY=after:1ms")
	p := start(t, command(t, env, "exec", "--", "sh", "-c", "echo $$; exec sleep 60"))
	l.becomes(t, model.StartupStatusREADY)
	require.Equal(t, result{}, run(t, env, "healthcheck", "--startup"))
	p.send(t, syscall.SIGKILL) // and its command with it, as a container's end has it
	p.code(t)
	pid, err := strconv.Atoi(strings.TrimSpace(p.out.String()))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.FileExists(t, packet)

	start(t, command(t, append(env, "METAGATE_URL="+hangs.URL, "METAGATE_BUDGET=10m"), "exec", "--", "sh", "-c", "exec sleep 60"))
	<-asked
	require.NotZero(t, run(t, env, "healthcheck", "--startup").code)
	require.NotZero(t, run(t, append(env, "METAGATE_READY=exec:true"), "healthcheck", "--startup").code, "it isn't the packet of this start")
	require.Len(t, l.startups(t), 1)
}
