package main

import (
	"context"
	"fmt"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

type doorsCmd struct {
	Turns
}

// Run measures bootstraps through POST /mcp beside those through POST /v1/bootstrap,
// of one server and in turns.
func (c doorsCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		fmt.Println("| engine | connections | what | figure | /v1/bootstrap | /mcp | MCP ÷ REST: median | lower quartile | upper quartile |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		return onEach(ctx, dir, cluster, func(name string, database func(string) (string, error)) error {
			url, err := database("doors")
			if err != nil {
				return err
			}
			return c.compare(ctx, engine{name, url}, binary)
		})
	})
}

func (c doorsCmd) compare(ctx context.Context, e engine, binary string) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	mcp := &server{cmd: s.cmd, url: s.url, key: s.key}
	for _, connections := range []int{64, 256} {
		p := &pair{what: "bootstrap", servers: [2]*server{s, mcp}, prepare: func(_ context.Context, door *server) (turn, error) {
			return bootstraps(load.Target{
				URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component, Concurrency: connections,
				Duration: pairTurn, MCP: door == mcp,
			}), nil
		}}
		for round := range c.Rounds + 1 {
			progress("%s, %d connections: round %d of %d", e.name, connections, round, c.Rounds)
			for turn := range p.servers {
				if err := p.turn(ctx, (turn+round)%2, round > 0); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
			}
		}
		p.print(e.name, connections)
	}
	return nil
}
