package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

type mirrorCmd struct {
	Turns
}

// Run measures what bootstraps lose where a ledger is told of each, and where that
// ledger takes requests and answers none.
func (c mirrorCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		fmt.Println("| engine | connections | what | figure | mirror off | mirror on | on ÷ off: median | lower quartile | upper quartile |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		for _, kind := range []string{"ledger", "silent"} {
			err := onEach(ctx, dir, cluster, func(engine string, database func(string) (string, error)) error {
				return c.compare(ctx, engine, kind, binary, func(name string) (string, error) { return database(name + "_" + kind) })
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (c mirrorCmd) compare(ctx context.Context, engine, kind, binary string, database func(string) (string, error)) error {
	gate, err := startBare(ctx, kind)
	if err != nil {
		return err
	}
	defer gate.stop()
	bare, err := startBare(ctx, "http")
	if err != nil {
		return err
	}
	defer func() {
		bare.resume()
		bare.stop()
	}()
	noise := &pair{what: "bare net/http", servers: [2]*server{bare, bare}, prepare: alone, rest: true}
	p := &pair{what: "bootstrap, " + kind, prepare: alone, rest: true}
	defer func() {
		for _, s := range p.servers {
			if s != nil {
				s.resume()
				s.stop()
			}
		}
	}()
	for i, endpoint := range []string{"", gate.url} {
		url, err := database([]string{"off", "on"}[i])
		if err != nil {
			return err
		}
		s, err := start(ctx, binary, url, "RECEIPTGATE_ENDPOINT="+endpoint)
		if err != nil {
			return err
		}
		p.servers[i] = s
	}
	time.Sleep(2 * time.Second) // the mirror has begun
	for _, s := range p.servers {
		s.pause()
	}
	for round := range c.Rounds + 1 {
		progress("%s, mirror to a %s: round %d of %d", engine, kind, round, c.Rounds)
		for turn := range p.servers {
			for _, p := range []*pair{noise, p} {
				if err := p.turn(ctx, (turn+round)%2, round > 0); err != nil {
					return fmt.Errorf("%s, %s: %w", engine, p.what, err)
				}
			}
		}
	}
	noise.print(engine, mirrorConnections)
	p.print(engine, mirrorConnections)
	return nil
}

const mirrorConnections = 64

// alone lets a server run only while it is its turn: a mirror that goes on with what
// is left would be in the other's way.
func alone(_ context.Context, s *server) (turn, error) {
	run := bootstraps(load.Target{
		URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component, Concurrency: mirrorConnections, Duration: 2 * pairTurn,
	})
	return func(ctx context.Context) (load.Result, error) {
		s.resume()
		defer s.pause()
		return run(ctx)
	}, nil
}

func (s *server) pause()  { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }
