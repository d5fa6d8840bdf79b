package component_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

var uuidv7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestABootstrapIsTriedAgainWithTheSameIdempotencyKey(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]componenttest.Fault{
		"unavailable":                {Status: 503, Code: component.CodeUnavailable, RetryAfter: "1"},
		"too many":                   {Status: 429, Code: "TOO_MANY_REQUESTS", RetryAfter: "1"},
		"the body came too slowly":   {Status: 408, Code: "REQUEST_TIMEOUT"},
		"a defect":                   {Status: 500, Code: "INTERNAL"},
		"a proxy without a server":   {Status: 502},
		"a proxy that waits":         {Status: 504},
		"another proxy's own status": {Status: 520},
		"an answer that is lost":     {Drop: true},
		"an answer that is cut":      {Cut: true},
		"no JSON":                    {Body: "<html>please log in</html>"},
		"JSON that is cut":           {Body: `{"startup": {"startup_id": "x"`},
		"no packet":                  {Body: `{"status": "ok"}`},
		"a packet without a startup": {Body: `{"component_key": "worker_1"}`},
		"null":                       {Body: `null`},
		"a list":                     {Body: `[]`},
		"somebody else's packet":     {Body: `{"component_key": "worker_2", "startup": {"startup_id": "x"}}`},
		"a section of another kind":  {Body: `{"component_key": "worker_1", "services": [], "startup": {"startup_id": "x"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, tl := newServer(t)
			server.Fail(1, f)
			cfg.AttemptTimeout = time.Minute
			s := start(t, cfg)
			requests := server.Requests()
			equal(t, len(requests), 2)
			key := requests[0].Header.Get("Idempotency-Key")
			if !uuidv7.MatchString(key) {
				t.Fatal(key)
			}
			equal(t, requests[1].Header.Get("Idempotency-Key"), key)
			equal(t, s.ID(), only(t, server).ID)
			equal(t, len(tl.sleeps()), 1)
		})
	}
}

func TestAnotherStartIsAnotherBootstrap(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	start(t, cfg)
	start(t, cfg)
	all := server.Startups()
	equal(t, len(all), 2)
	if all[0].IdempotencyKey == all[1].IdempotencyKey {
		t.Fatal("one key for both")
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(time.Time) string{
		"in seconds": func(time.Time) string { return "3" },
		"as a date":  func(now time.Time) string { return now.Add(3 * time.Second).Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, tl := newServer(t)
			server.Fail(1, componenttest.Fault{Status: 503, RetryAfter: after(tl.at)})
			start(t, cfg)
			equal(t, tl.sleeps()[0], 3*time.Second+50*time.Millisecond) // and half of the first 100 ms
		})
	}
}

func TestARetryAfterThatIsNoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"", "soon", "-5", "1.5", "99999999999", "Sun, 22 Nov 2026 11:00:00 GMT"} {
		server, cfg, tl := newServer(t)
		server.Fail(1, componenttest.Fault{Status: 503, RetryAfter: after})
		start(t, cfg)
		equal(t, tl.sleeps()[0], 50*time.Millisecond)
	}
}

func TestARetryAfterBeyondTheBudgetIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	server.Fail(1, componenttest.Fault{Status: 503, Code: component.CodeUnavailable, RetryAfter: "6"})
	_, err := component.Start(t.Context(), cfg)
	isError(t, err, component.ErrUnavailable)
	equal(t, problem(t, err, 503, component.CodeUnavailable).RetryAfter, 6*time.Second)
	equal(t, len(server.Requests()), 1)
	equal(t, len(tl.sleeps()), 0)
}

func TestABudgetThatIsSpentNamesEachAddressWithItsLastCause(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	var log logged
	cfg.Logger = log.logger()
	cfg.Addresses = append(cfg.Addresses, nobody(t))
	server.Fail(3, componenttest.Fault{Status: 500})
	server.Fail(1000, componenttest.Fault{Status: 503, Code: component.CodeUnavailable})
	_, err := component.Start(t.Context(), cfg)
	isError(t, err, component.ErrUnavailable)
	problem(t, err, 503, component.CodeUnavailable)
	says(t, err.Error(), "worker_1", "budget: 5s", server.URL+": 503 UNAVAILABLE: ", cfg.Addresses[1]+": dial tcp")
	says(t, log.String(), server.URL, "503 UNAVAILABLE", "/v1/bootstrap", "connection refused")

	var total time.Duration
	for i, pause := range tl.sleeps() {
		ceiling := min(100*time.Millisecond<<i, 2*time.Second, 5*time.Second-100*time.Millisecond-total)
		equal(t, pause, ceiling/2)
		total += pause
	}
	if total < 4500*time.Millisecond || total > 5*time.Second {
		t.Fatal("not the budget:", tl.sleeps())
	}
}

func TestTheNextAddressIsAskedAtOnceAndKeptForTheReport(t *testing.T) {
	t.Parallel()
	down, _, _ := newServer(t)
	down.Fail(1, componenttest.Fault{Status: 503, RetryAfter: "3600"})
	up, cfg, tl := newServer(t)
	cfg.Addresses, cfg.AttemptTimeout = []string{nobody(t), down.URL, up.URL}, time.Minute
	s := start(t, cfg)
	noError(t, s.Ready(t.Context()))
	equal(t, only(t, up).Status, "READY")
	equal(t, len(down.Requests()), 1)
	equal(t, len(tl.sleeps()), 0)
}

func TestAnAddressThatWantsToBeLeftAloneIs(t *testing.T) {
	t.Parallel()
	busy, _, _ := newServer(t)
	busy.Fail(1, componenttest.Fault{Status: 503, RetryAfter: "3600"})
	server, cfg, tl := newServer(t)
	server.Fail(3, componenttest.Fault{Status: 503})
	cfg.Addresses = []string{busy.URL, server.URL}
	start(t, cfg)
	equal(t, len(busy.Requests()), 1)
	equal(t, len(server.Requests()), 4)
	equal(t, len(tl.sleeps()), 3)
}

func TestAServerThatHangsLeavesTimeForTheNext(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	cfg.Addresses = []string{"http://hangs.example", server.URL}
	cfg.Budget = 30 * time.Millisecond // of which each attempt gets a third
	cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "hangs.example" {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return http.DefaultTransport.RoundTrip(r.WithContext(context.WithoutCancel(r.Context()))) // however slow this machine is
	})}
	s := start(t, cfg)
	equal(t, s.ID(), only(t, server).ID)
	equal(t, len(tl.sleeps()), 0)

	cfg.Addresses = cfg.Addresses[:1]
	_, err := component.Start(t.Context(), cfg)
	isError(t, err, component.ErrUnavailable)
	says(t, err.Error(), "http://hangs.example: no answer within 15ms")
}

func TestAnAttemptGetsAShareOfTheBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addresses       int
		budget, attempt time.Duration
		want            time.Duration
	}{
		{1, 5 * time.Second, 0, 2 * time.Second},
		{1, 2 * time.Second, 0, time.Second},
		{4, 5 * time.Second, 0, time.Second},
		{4, time.Minute, 0, 2 * time.Second},
		{4, 5 * time.Second, 3 * time.Second, 3 * time.Second},
	} {
		got := component.Timeout(component.Config{Addresses: make([]string, c.addresses), AttemptTimeout: c.attempt}, c.budget)
		equal(t, got, c.want)
	}
}

func TestAStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	t.Run("while a server hangs", func(t *testing.T) {
		t.Parallel()
		server, cfg, tl := newServer(t)
		server.Fail(1, componenttest.Fault{Hang: true})
		cfg.AttemptTimeout, cfg.Budget = time.Hour, 2*time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		go func() { arrived(server, 1); cancel() }()
		_, err := component.Start(ctx, cfg)
		isError(t, err, context.Canceled)
		equal(t, errors.Is(err, component.ErrUnavailable), false)
		equal(t, len(tl.sleeps()), 0)
	})
	t.Run("in a pause", func(t *testing.T) {
		t.Parallel()
		server, cfg, tl := newServer(t)
		server.Fail(1, componenttest.Fault{Status: 503})
		ctx, cancel := context.WithCancel(t.Context())
		tl.onSleep = cancel
		_, err := component.Start(ctx, cfg)
		isError(t, err, context.Canceled)
		problem(t, err, 503, "")
		equal(t, errors.Is(err, component.ErrUnavailable), false)
		equal(t, len(server.Requests()), 1)
	})
	t.Run("with an answer", func(t *testing.T) {
		t.Parallel()
		server, cfg, _ := newServer(t)
		server.Fail(1, componenttest.Fault{Status: 503})
		ctx, cancel := context.WithCancel(t.Context())
		cfg.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			defer cancel()
			return http.DefaultTransport.RoundTrip(r.WithContext(t.Context()))
		})}
		_, err := component.Start(ctx, cfg)
		isError(t, err, context.Canceled)
		problem(t, err, 503, "")
	})
	t.Run("in a pause by the clock", func(t *testing.T) {
		t.Parallel()
		server := componenttest.NewServer(t, packet)
		server.Fail(1, componenttest.Fault{Status: 503, RetryAfter: "3600"})
		cfg := server.Config("worker_1")
		cfg.Budget = 2 * time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		go func() { arrived(server, 1); cancel() }()
		_, err := component.Start(ctx, cfg)
		isError(t, err, context.Canceled)
	})
	t.Run("before it began", func(t *testing.T) {
		t.Parallel()
		server, cfg, _ := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := component.Start(ctx, cfg)
		isError(t, err, context.Canceled)
		equal(t, len(server.Startups()), 0)
	})
}

// onRequest is called before each request.
type onRequest func()

func (f onRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	f()
	return http.DefaultTransport.RoundTrip(r)
}
