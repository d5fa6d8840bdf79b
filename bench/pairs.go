package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const (
	pairTurn      = time.Second                                          // of each server in each round
	webhookSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // of a hook that doesn't look
)

type pairsCmd struct {
	Old    string `required:"" placeholder:"REV" help:"What to measure against: a git revision, or a binary by its path from the repository's root."`
	Rounds int    `default:"11" help:"How often each of a pair takes its turn."`
	Slack  bool   `help:"Both with the timer slack that packaging/metagate.service gives."`
	Engine string `enum:"both,PostgreSQL,SQLite" default:"both" help:"PostgreSQL or SQLite alone: a quicker look."`
	Told   bool   `help:"The new one has ten listeners of its stream and a webhook that is told of every event."`
}

func (c pairsCmd) Validate() error {
	if c.Rounds < 1 {
		return errors.New("--rounds wants a positive number")
	}
	return nil
}

func (c pairsCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		if c.Slack { // the database has none
			defer slacken()()
		}
		return c.pairs(ctx, dir, binary, cluster)
	})
}

// pair are the old server and the new one, or the bare one twice.
type pair struct {
	what    string
	servers [2]*server
	prepare func(context.Context, *server) (turn, error)
	rest    bool            // the servers are stopped between turns, and answer nobody then
	figures [3][2][]float64 // as figureNames, of each, in each round
	lag     [2]float64      // seconds that the outcomes of each were behind at most, when a turn of load ended
}

var figureNames = [3]string{"answers/s", "p99 ms", "CPU µs"}

// pairs lets two servers take turns, each on a database of its own, and tells what
// became of the figures: the medians of both, and the quartiles of their ratio.
// The bare server against itself, in turns with them, tells what is noise.
func (c pairsCmd) pairs(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
	former, err := formerServer(ctx, dir, c.Old)
	if err != nil {
		return err
	}
	bare, err := startBare(ctx, "http")
	if err != nil {
		return err
	}
	defer bare.stop()
	var settings []string // of the new one
	if c.Told {
		hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		defer hook.Close()
		sinks := filepath.Join(dir, "sinks.yaml")
		text := "sinks: [{name: all, kind: webhook, allow_private: true, secret: " + webhookSecret + ", url: '" + hook.URL + "'}]\n"
		if err := os.WriteFile(sinks, []byte(text), 0o600); err != nil {
			return err
		}
		settings = []string{"SINKS_FILE=" + sinks}
	}
	fmt.Println("| engine | connections | what | figure | old | new | new ÷ old: median | lower quartile | upper quartile |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, name := range []string{"old", "new"} {
		if err := cluster.CreateDatabase(ctx, name, ""); err != nil {
			return err
		}
	}
	for _, engines := range [][2]engine{
		{{"PostgreSQL", cluster.URL("old")}, {"PostgreSQL", cluster.URL("new")}},
		{{"SQLite", "sqlite:" + filepath.Join(dir, "old.db")}, {"SQLite", "sqlite:" + filepath.Join(dir, "new.db")}},
	} {
		if c.Engine != "both" && c.Engine != engines[0].name {
			continue
		}
		if err := c.compareTwo(ctx, engines, [2]string{former, binary}, bare, settings); err != nil {
			return err
		}
	}
	return nil
}

// formerServer is the binary at old or, if there is none, the one that the git
// revision old builds.
func formerServer(ctx context.Context, dir, old string) (string, error) {
	if info, err := os.Stat(old); err == nil && info.Mode().IsRegular() {
		return filepath.Abs(old)
	}
	sources, binary := filepath.Join(dir, "sources"), filepath.Join(dir, "metagate-old")
	add := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", sources, old)
	if out, err := add.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s is neither a binary nor a revision: %s", old, out)
	}
	defer func() {
		_ = exec.CommandContext(context.WithoutCancel(ctx), "git", "worktree", "remove", "--force", sources).Run()
	}()
	return binary, build(ctx, sources, binary)
}

func (c pairsCmd) compareTwo(ctx context.Context, engines [2]engine, binaries [2]string, bare *server, settings []string) error {
	var servers [2]*server
	defer func() {
		for _, s := range servers {
			if s != nil {
				s.stop()
			}
		}
	}()
	for i, own := range [][]string{nil, settings} {
		s, err := start(ctx, binaries[i], engines[i].url, own...)
		if err != nil {
			return err
		}
		servers[i] = s
	}
	if c.Told {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := servers[1].listen(ctx, listening, new(atomic.Int64)); err != nil {
			return err
		}
	}
	for _, connections := range []int{64, 256} {
		target := func(s *server) load.Target {
			return load.Target{URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component, Concurrency: connections, Duration: pairTurn}
		}
		starting := func(_ context.Context, s *server) (turn, error) { return bootstraps(target(s)), nil }
		noise := &pair{what: "bare net/http", servers: [2]*server{bare, bare}, prepare: starting}
		kinds := []*pair{
			{what: "bootstrap", servers: servers, prepare: starting},
			{what: "ready", servers: servers, prepare: func(ctx context.Context, s *server) (turn, error) { return ready(ctx, target(s)) }},
		}
		for _, kind := range kinds {
			for round := range c.Rounds + 1 {
				progress("%s, %d connections, %s: round %d of %d", engines[0].name, connections, kind.what, round, c.Rounds)
				for turn := range servers {
					i := (turn + round) % 2 // who comes second fares differently: each in turn
					for _, p := range []*pair{noise, kind} {
						if err := p.turn(ctx, i, round > 0); err != nil { // the first warms up
							return fmt.Errorf("%s, %s: %w", engines[i].name, p.what, err)
						}
					}
				}
			}
		}
		for _, p := range append(kinds, noise) {
			p.print(engines[0].name, connections)
		}
	}
	return nil
}

func (p *pair) turn(ctx context.Context, i int, counts bool) error {
	run, err := p.prepare(ctx, p.servers[i])
	if err != nil {
		return err
	}
	cpu := p.servers[i].cpu()
	r, err := run(ctx)
	cpu = p.servers[i].cpu() - cpu
	if !p.rest {
		p.lag[i] = max(p.lag[i], p.servers[i].metric(ctx, "metagate_outcomes_lag_seconds"))
	}
	if err := sound(r, err); err != nil || !counts {
		return err
	}
	for k, v := range [3]float64{r.PerSecond(), r.Report().P99, perRequest(cpu, r)} {
		p.figures[k][i] = append(p.figures[k][i], v)
	}
	return nil
}

func (p *pair) print(engine string, connections int) {
	for k, name := range figureNames {
		before, after := p.figures[k][0], p.figures[k][1]
		ratios := make([]float64, len(before))
		for round := range ratios {
			ratios[round] = after[round] / before[round]
		}
		slices.Sort(ratios)
		n := len(ratios)
		fmt.Printf("| %s | %d | %s | %s | %.1f | %.1f | %.3f | %.3f | %.3f |\n", engine, connections, p.what, name,
			median(before), median(after), ratios[n/2], ratios[n/4], ratios[n-1-n/4])
	}
	if p.lag != [2]float64{} {
		fmt.Printf("| %s | %d | %s | outcomes behind, s, at most | %.2f | %.2f | | | |\n", engine, connections, p.what, p.lag[0], p.lag[1])
	}
}
