package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/legivellum/metagate/bench/load"
)

type loadCmd struct {
	URL          string        `name:"server" aliases:"url" env:"METAGATE_URL" default:"http://127.0.0.1:8000" help:"The server."`
	APIKey       string        `name:"api-key" env:"METAGATE_API_KEY" placeholder:"KEY" help:"API key of a component; of an admin for --herd."`
	APIKeyHeader string        `name:"api-key-header" env:"API_KEY_HEADER" default:"X-API-Key" help:"Header that carries the API key."`
	Component    string        `env:"METAGATE_COMPONENT" default:"memorygate_main" help:"component_key to bootstrap."`
	Concurrency  int           `short:"c" env:"METAGATE_CONCURRENCY" default:"64" help:"Connections, each with one request at a time."`
	Duration     time.Duration `short:"d" env:"METAGATE_DURATION" default:"10s" help:"How long."`
	What         string        `env:"METAGATE_BENCH" default:"bootstrap" enum:"bootstrap,not-modified,ready" help:"bootstrap; not-modified: the same with If-None-Match; ready: bootstraps first, then READY for each of them."`
	Herd         int           `env:"METAGATE_HERD" placeholder:"N" help:"A cold start instead: N new principals, each bootstrapping once. They are created first and stay, their startups are closed."`
	Yes          bool          `short:"y" env:"METAGATE_YES" help:"Yes, load a server that isn't on this machine."`
	Output       string        `short:"o" env:"METAGATE_OUTPUT" default:"text" enum:"text,json" help:"text for people, json for scripts."`
}

func (c *loadCmd) Validate() error {
	if c.APIKey == "" {
		return errors.New("no API key: set METAGATE_API_KEY or --api-key")
	}
	if c.Concurrency < 1 || c.Duration <= 0 || c.Herd < 0 {
		return errors.New("--concurrency, --duration and --herd want positive numbers")
	}
	if !c.Yes && !onThisMachine(c.URL) {
		return fmt.Errorf("%s isn't on this machine: --yes if it may be put under load", c.URL)
	}
	return nil
}

func (c *loadCmd) Run(ctx context.Context, s streams) error {
	target := load.Target{
		URL: strings.TrimRight(c.URL, "/"), APIKeyHeader: c.APIKeyHeader, APIKey: c.APIKey, Component: c.Component,
		Concurrency: c.Concurrency, Duration: c.Duration, Source: "bench", Opened: load.NewOpened(c.Concurrency),
	}
	var sent atomic.Int64
	start := time.Now()
	stop := showing(s.log, func() string {
		n := sent.Load()
		return fmt.Sprintf("%d answers, %.0f/s", n, float64(n)/time.Since(start).Seconds())
	})
	result, err := c.measure(ctx, target, &sent)
	stop()
	closed, open := c.close(ctx, target, s.log)
	if errors.Is(err, context.Canceled) { // before the load itself: there is nothing to tell
		return nil
	}
	if err != nil {
		return err
	}
	report := result.Report()
	report.Closed, report.Open = closed, open
	if c.Output == "json" {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		render(s.out, result, report)
	}
	switch {
	case err == nil && report.Failed > 0:
		return fmt.Errorf("%d requests failed", report.Failed)
	case err == nil && report.Open > 0:
		return fmt.Errorf("%d startups stay open", report.Open)
	default:
		return err
	}
}

// close reports what the load has opened READY: it is no startup, and would be an
// alarm. An interrupt ends the load, another one this.
func (c *loadCmd) close(ctx context.Context, t load.Target, log io.Writer) (closed, open int64) {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.Duration+closingTime)
	defer cancel()
	n := int64(t.Opened.Len())
	var sent atomic.Int64
	defer showing(log, func() string { return fmt.Sprintf("closing startups: %d of %d", sent.Load(), n) })()
	r, err := t.Opened.Ready(ctx, t, &sent)
	if err != nil { // the URL: nothing was opened
		return 0, n
	}
	return r.Requests, n - r.Requests
}

// closingTime is what closing may take beyond the time that opening did.
const closingTime = 30 * time.Second

func onThisMachine(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

func (c *loadCmd) measure(ctx context.Context, t load.Target, sent *atomic.Int64) (load.Result, error) {
	switch {
	case c.Herd > 0:
		return t.ColdStart(ctx, c.Herd, sent)
	case c.What == "not-modified":
		return t.NotModified(ctx, sent)
	case c.What == "ready":
		return openAndReady(ctx, t, sent)
	default:
		return t.Bootstraps(ctx, sent)
	}
}

// openAndReady opens startups, which is not measured, and reports them.
func openAndReady(ctx context.Context, t load.Target, sent *atomic.Int64) (load.Result, error) {
	opening, err := t.Bootstraps(ctx, new(atomic.Int64))
	if err != nil {
		return opening, err
	}
	out, err := t.Opened.Ready(ctx, t, sent)
	for kind, n := range opening.Failures {
		out.Failures[kind] += n
	}
	return out, err
}

// showing shows a line on a terminal until it is stopped.
func showing(w io.Writer, line func() string) (stop func()) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	ctx, end := context.WithCancel(context.Background())
	var shown sync.WaitGroup
	shown.Go(func() {
		for sleep(ctx, 200*time.Millisecond) == nil {
			fmt.Fprintf(w, "\r\x1b[K%s", line())
		}
		fmt.Fprint(w, "\r\x1b[K")
	})
	return func() { end(); shown.Wait() }
}

func render(out io.Writer, r load.Result, s load.Report) {
	failed := ""
	if s.Failed > 0 {
		failed = " (" + kinds(s.Failures) + ")"
	}
	fmt.Fprintf(out, "%.0f/s  %d answers in %.2f s, %d failed%s\n", s.PerSecond, s.Requests, s.Seconds, s.Failed, failed)
	fmt.Fprintf(out, "latency  p50 %.2f ms  p90 %.2f ms  p99 %.2f ms  p99.9 %.2f ms  max %.2f ms\n", s.P50, s.P90, s.P99, s.P999, s.Max)
	bars := r.Bars()
	var most int64 = 1
	for _, b := range bars {
		most = max(most, b.Count)
	}
	for _, b := range bars {
		fmt.Fprintf(out, "%10s  %8d  %s\n", "≤ "+b.UpTo.String(), b.Count, strings.Repeat("█", int(b.Count*50/most)))
	}
	if s.Note != "" {
		fmt.Fprintln(out, s.Note)
	}
	fmt.Fprintf(out, "closed %d startups that it opened, %d stay open\n", s.Closed, s.Open)
}
