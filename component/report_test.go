package component_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

func TestAReportThatIsRefusedIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
		closed bool
	}{
		"the key was revoked":            {401, component.CodeUnauthenticated, false},
		"the startup is nobody's":        {404, component.CodeSessionNotFound, true},
		"it was closed the other way":    {409, component.CodeInvalidState, true},
		"the health is too large for it": {413, "PAYLOAD_TOO_LARGE", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			s := start(t, cfg)
			server.Fail(1, componenttest.Fault{Status: c.status, Code: c.code})
			err := s.Ready(t.Context())
			problem(t, err, c.status, c.code)
			says(t, err.Error(), "READY of startup "+s.ID())
			equal(t, len(server.Requests()), 2)
			err = s.Failed(t.Context(), errors.New("x"))
			equal(t, errors.Is(err, component.ErrReported), c.closed)
			equal(t, only(t, server).Status, map[bool]string{true: "OPEN", false: "FAILED"}[c.closed])
		})
	}
}

func TestAHealthThatIsNoJSONIsRefusedHere(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	says(t, s.ReadyWith(t.Context(), func() {}).Error(), "json")
	equal(t, len(server.Requests()), 1)
	noError(t, s.ReadyWith(t.Context(), map[string]bool{"listening": true}))
	equal(t, string(only(t, server).Health), `{"listening":true}`)
}

func TestAfterAReportTheOtherIsAnErrorHere(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	noError(t, s.Ready(t.Context()))
	noError(t, s.Ready(t.Context()))
	isError(t, s.Failed(t.Context(), errors.New("too late")), component.ErrReported)
	noError(t, s.Close())
	equal(t, len(server.Requests()), 2)
	equal(t, only(t, server).Status, "READY")

	server, cfg, _ = newServer(t)
	s = start(t, cfg)
	noError(t, s.FailedWith(t.Context(), errors.New("port 8001 is taken"), map[string]int{"port": 8001}))
	noError(t, s.Failed(t.Context(), errors.New("another reason")))
	err := s.Ready(t.Context())
	isError(t, err, component.ErrReported)
	says(t, err.Error(), "FAILED")
	equal(t, len(server.Requests()), 2)
	got := only(t, server)
	equal(t, got.Status+got.Error+string(got.Details), `FAILEDport 8001 is taken{"port":8001}`)
}

func TestAReportIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]componenttest.Fault{
		"unavailable":             {Status: 503, Code: component.CodeUnavailable, RetryAfter: "1"},
		"an answer that is lost":  {Drop: true},
		"an answer that is cut":   {Cut: true},
		"a page of a proxy":       {Body: "<html>"},
		"somebody else's receipt": {Body: `{"startup_id": "x", "status": "READY"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			cfg.Version = "1.4.2"
			s := start(t, cfg)
			server.Fail(1, f)
			noError(t, s.Ready(t.Context()))
			got := only(t, server)
			equal(t, got.Status+got.BuildVersion, "READY1.4.2")
			equal(t, len(server.Requests()), 3)
		})
	}
}

func TestAReportThatFoundNobodyMayBeMadeLater(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	cfg.ReportBudget = time.Second
	s := start(t, cfg)
	server.Fail(1000, componenttest.Fault{Status: 503})
	isError(t, s.Ready(t.Context()), component.ErrUnavailable)
	server.Heal()
	noError(t, s.Ready(t.Context()))
	equal(t, only(t, server).Status, "READY")
}

func TestAReasonIsMadeFitToBeReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reason error
		want   string
	}{
		"none":     {nil, "failed, without a reason"},
		"U+0000":   {errors.New("a\x00b"), "a\uFFFDb"},
		"no UTF-8": {errors.New("a\xffb"), "a\uFFFDb"},
		"long":     {errors.New(strings.Repeat("x", 1<<20)), strings.Repeat("x", 16<<10) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			noError(t, start(t, cfg).Failed(t.Context(), c.reason))
			equal(t, only(t, server).Error, c.want)
		})
	}
}

// What MetaGate would refuse would leave the startup open.
func TestDetailsAndHealthAreMadeFitToBeReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		extra any
		want  string
	}{
		"none":                 {nil, ""},
		"U+0000":               {map[string]any{"a\x00": []any{"b\x00", map[string]string{"c": "\x00"}, 1.5, true, nil}}, "{\"a\uFFFD\":[\"b\uFFFD\",{\"c\":\"\uFFFD\"},1.5,true,null]}"},
		"as JSON, with digits": {json.RawMessage(`{"n":12345678901234567890,"s":"\u0000"}`), "{\"n\":12345678901234567890,\"s\":\"\uFFFD\"}"},
		"what only looks so":   {`\u0000`, `"\\u0000"`},
		"65 KiB":               {strings.Repeat("x", 65<<10), `{"truncated":true}`},
		"20 KiB of escapes":    {strings.Repeat("\x1b", 20<<10), `{"truncated":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			noError(t, start(t, cfg).FailedWith(t.Context(), errors.New("x"), c.extra))
			noError(t, start(t, cfg).ReadyWith(t.Context(), c.extra))
			all := server.Startups()
			equal(t, all[0].Status+string(all[0].Details), "FAILED"+c.want)
			equal(t, all[1].Status+string(all[1].Health), "READY"+c.want)
		})
	}
}

func TestAReasonWhoseEscapesAreLongIsReported(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	noError(t, start(t, cfg).Failed(t.Context(), errors.New(strings.Repeat("\x1b", 16<<10))))
	equal(t, only(t, server).Status, "FAILED")
}

func TestConcurrentReportsAreOne(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			report := s.Ready
			if i%2 == 1 {
				report = func(ctx context.Context) error { return s.Failed(ctx, errors.New("x")) }
			}
			if err := report(t.Context()); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
			_, _ = s.Service("memorygate")
			_ = s.Packet()
		}()
	}
	wg.Wait()
	equal(t, len(server.Requests()), 2)
	equal(t, len(failed), 10)
	for _, err := range failed {
		isError(t, err, component.ErrReported)
	}
}

func TestAReportThatWaitsItsTurnEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	cfg.AttemptTimeout, cfg.ReportBudget = time.Hour, time.Hour
	s := start(t, cfg)
	server.Fail(1, componenttest.Fault{Hang: true})
	first, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Ready(first) }()
	arrived(server, 2)
	second, give := context.WithCancel(t.Context())
	give()
	isError(t, s.Ready(second), context.Canceled)
	cancel()
	isError(t, <-done, context.Canceled)
	noError(t, s.Ready(t.Context()))
}

func TestNoConnectionIsLeftBehind(t *testing.T) {
	server := componenttest.NewServer(t, packet)
	s, err := component.Start(t.Context(), server.Config("worker_1"))
	noError(t, err)
	noError(t, s.Ready(t.Context()))
	stacks := make([]byte, 1<<20)
	for { // until the test's own deadline: the goroutines of a closed connection end soon
		if all := string(stacks[:runtime.Stack(stacks, true)]); !strings.Contains(all, "net/http.(*persistConn)") {
			return
		}
		runtime.Gosched()
	}
}

// onPath is a transport that calls f before each request for that path.
func onPath(path string, f func()) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == path {
			f()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
