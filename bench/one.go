package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/legivellum/metagate/bench/load"
)

type benchCmd struct {
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

func (c *benchCmd) Run(ctx context.Context, s streams) error {
	if c.APIKey == "" {
		return coded{errors.New("no API key: set METAGATE_API_KEY or --api-key"), exitUsage}
	}
	if c.Concurrency < 1 || c.Duration <= 0 || c.Herd < 0 {
		return coded{errors.New("--concurrency, --duration and --herd want positive numbers"), exitUsage}
	}
	if !c.Yes && !onThisMachine(c.URL) {
		return coded{fmt.Errorf("%s isn't on this machine: --yes if it may be put under load", c.URL), exitUsage}
	}
	target := load.Target{
		URL: strings.TrimRight(c.URL, "/"), APIKeyHeader: c.APIKeyHeader, APIKey: c.APIKey, Component: c.Component,
		Concurrency: c.Concurrency, Duration: c.Duration, Source: "bench", Opened: load.NewOpened(c.Concurrency),
	}
	var sent atomic.Int64
	stop := counting(s.log, &sent)
	result, err := c.measure(ctx, target, &sent)
	stop()
	closed, open := c.close(ctx, target, s.log)
	if err != nil {
		return err
	}
	report := result.Report()
	report.Closed, report.Open = closed, open
	if c.Output == "json" {
		err = asJSON(s.out, report)
	} else {
		renderBench(s.out, result, report)
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
func (c *benchCmd) close(ctx context.Context, t load.Target, log io.Writer) (closed, open int64) {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.Duration+closingTime)
	defer cancel()
	n := int64(t.Opened.Len())
	var sent atomic.Int64
	defer progressOf(log, func(time.Duration) string { return fmt.Sprintf("closing startups: %d of %d", sent.Load(), n) })()
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

func (c *benchCmd) measure(ctx context.Context, t load.Target, sent *atomic.Int64) (load.Result, error) {
	switch {
	case c.Herd > 0:
		return t.ColdStart(ctx, c.Herd, sent)
	case c.What == "not-modified":
		return t.NotModified(ctx, sent)
	case c.What == "ready":
		return ready(ctx, t, sent)
	default:
		return t.Bootstraps(ctx, sent)
	}
}

// ready opens startups, which is not measured, and reports them.
func ready(ctx context.Context, t load.Target, sent *atomic.Int64) (load.Result, error) {
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

// counting shows on a terminal how far a load has come.
func counting(w io.Writer, sent *atomic.Int64) (stop func()) {
	return progressOf(w, func(since time.Duration) string {
		n := sent.Load()
		return fmt.Sprintf("%d answers, %.0f/s", n, float64(n)/max(since.Seconds(), 0.1))
	})
}

func renderBench(out io.Writer, r load.Result, s load.Report) {
	p := painter(out)
	fmt.Fprintf(out, "%s  %d answers in %.2f s, %d failed%s\n", p.in(bold, fmt.Sprintf("%.0f/s", s.PerSecond)), s.Requests, s.Seconds, s.Failed, kinds(s.Failures))
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

// kinds are failures by status, or nothing.
func kinds(failures map[string]int64) string {
	if len(failures) == 0 {
		return ""
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		all = append(all, fmt.Sprintf("%s: %d", kind, failures[kind]))
	}
	return " (" + strings.Join(all, ", ") + ")"
}
