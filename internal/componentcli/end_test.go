package componentcli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

func TestWhatACommandDoesLastIsSeenBeforeItIsFAILED(t *testing.T) {
	t.Parallel()
	l, out := sqlite(t), t.TempDir()+"/out"
	script := "sleep 1; touch " + out // by then a look is made now and then only
	require.Zero(t, sh(t, l.env(), script, "--ready=file:"+out, "--ready=exit").code)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)
	require.Zero(t, sh(t, l.env(), "exit 0", "--ready=file:"+out, "--ready=exit").code)
	require.Equal(t, model.StartupStatusFAILED, l.startup(t).Status, "the file was there before")

	for _, stream := range []string{"", ">&2"} {
		r := sh(t, l.env(), "printf 'begun\\ndone' "+stream, "--ready=log:^done$", "--ready=exit")
		require.Zero(t, r.code)
		require.Equal(t, "begun\ndone", r.out+r.log, "nothing is added")
		require.Equal(t, model.StartupStatusREADY, l.startup(t).Status, "a line without an end")
	}
}

func TestAREADYThatIsNotReportedYetIsReportedAtTheEndOnce(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	var back atomic.Bool
	var passed atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/startup/ready" {
			if !back.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			passed.Add(1)
		}
		forward(t, w, r, l.URL)
	}))
	t.Cleanup(proxy.Close)
	env := l.env("METAGATE_URL=" + proxy.URL)
	begin := func() (p *process, end func()) {
		cmd := command(t, env, "exec", "--ready=after:1ms", "--", "sh", "-c", "read x < fifo; exit 5")
		require.NoError(t, syscall.Mkfifo(cmd.Dir+"/fifo", 0o600))
		fifo, err := os.OpenFile(cmd.Dir+"/fifo", os.O_RDWR, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = fifo.Close() })
		return start(t, cmd), func() {
			_, err := fifo.WriteString("end\n")
			require.NoError(t, err)
		}
	}
	p, end := begin()
	until(t, func() bool { return strings.Count(p.log.String(), "READY isn't reported yet") == 2 }, "a pause of a second at least")
	require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status)
	back.Store(true)
	end()
	require.Equal(t, 5, p.code(t))
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status, "%s", p.log)
	require.EqualValues(t, 1, passed.Load())

	p, end = begin()
	until(t, func() bool { return passed.Load() == 2 }, "a report, which may be on its way still")
	end()
	require.Equal(t, 5, p.code(t))
	require.EqualValues(t, 2, passed.Load(), "%s", p.log)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)

	back.Store(false)
	p, end = begin()
	until(t, func() bool { return strings.Contains(p.log.String(), "READY isn't reported yet") }, "a word about it")
	end()
	require.Equal(t, 5, p.code(t), "it isn't held up")
	require.Contains(t, p.log.String(), "READY can't be reported")
	require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status, "nor is it FAILED")
}

func TestAMissingSecretExits78WhateverBecomesOfItsReport(t *testing.T) {
	t.Parallel()
	l := sqlite(t, model.SecretRefCreate{SecretKey: "db", RefName: "DB_PASSWORD"})
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusConflict} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/startup/failed" {
				w.WriteHeader(status)
				return
			}
			forward(t, w, r, l.URL)
		}))
		t.Cleanup(proxy.Close)
		r := sh(t, l.env("METAGATE_URL="+proxy.URL), "echo started")
		require.Equal(t, 78, r.code, r.log)
		require.Contains(t, r.log, "db (environment variable DB_PASSWORD is not set)")
		require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status)
	}
}

func TestWhatMetaGateWouldNotTakeInStderrIsReplaced(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	require.Equal(t, 3, sh(t, l.env(), `printf 'a\0b\377' >&2; exit 3`, "--stderr").code)
	require.Equal(t, "a\uFFFDb\uFFFD", l.details(t)["stderr"])
}
