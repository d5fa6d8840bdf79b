package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// settled are two servers of one binary, each with settings of its own.
type settled struct {
	names    [2]string
	settings [2][]string
	trust    *tls.Config // for who serves TLS
	Turns
}

// compare measures their bootstraps on both engines, in turns and on connections that are kept.
func (c settled) compare(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
	fmt.Printf("| engine | connections | what | figure | %[1]s | %[2]s | %[2]s ÷ %[1]s: median | lower quartile | upper quartile |\n", c.names[0], c.names[1])
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	return onEach(ctx, dir, cluster, func(engine string, database func(string) (string, error)) error {
		return c.compareOn(ctx, engine, binary, database)
	})
}

func (c settled) compareOn(ctx context.Context, engine, binary string, database func(name string) (string, error)) error {
	p := &pair{what: "bootstrap"}
	defer func() {
		for _, s := range p.servers {
			if s != nil && s.cmd != nil && s.cmd.Process != nil {
				s.stop()
			}
		}
	}()
	for i, settings := range c.settings {
		s := &server{url: "http"}
		if strings.Contains(strings.Join(settings, " "), "TLS_CERT_FILE=") {
			s = &server{url: "https", client: http.Client{Transport: &http.Transport{TLSClientConfig: c.trust}}}
		}
		p.servers[i] = s
		url, err := database(strings.ToLower(c.names[i]))
		if err == nil {
			err = s.start(ctx, binary, url, settings...)
		}
		if err != nil {
			return err
		}
	}
	for _, connections := range []int{64, 256} {
		p.figures = [3][2][]float64{}
		p.prepare = func(ctx context.Context, s *server) (_ turn, err error) {
			t := load.Target{
				URL: s.url, TLS: c.trust, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component, Concurrency: connections, Duration: pairTurn,
			}
			t.Kept, err = t.Open(ctx)
			return bootstraps(t), err
		}
		for round := range c.Rounds + 1 {
			progress("%s, %d connections: round %d of %d", engine, connections, round, c.Rounds)
			for turn := range p.servers {
				if err := p.turn(ctx, (turn+round)%2, round > 0); err != nil {
					return err
				}
			}
		}
		p.print(engine, connections)
	}
	return nil
}
