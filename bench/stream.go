package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/test/testdb"
)

type streamCmd struct {
	Rounds int           `default:"11" help:"How often each takes its turn."`
	Idle   int           `default:"1000" help:"How many listen to a server that nothing happens on."`
	For    time.Duration `default:"20s" help:"How long these are measured."`
}

func (c streamCmd) Validate() error {
	if c.Rounds < 1 || c.Idle < 1 || c.Idle > 1000 || c.For <= 0 {
		return errors.New("--rounds, --for and --idle want positive numbers, --idle 1000 at most: half of STREAM_LISTENERS")
	}
	return nil
}

// listening is how many listen to the one of two servers.
const listening = 10

// Run measures what idle listeners cost, and what bootstraps lose to ten who listen.
func (c streamCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		fmt.Println("| engine | connections | what | figure | nobody listens | ten listen | ten ÷ nobody: median | lower quartile | upper quartile |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		return onEach(ctx, dir, cluster, func(engine string, database func(string) (string, error)) error {
			if err := c.compare(ctx, engine, binary, database); err != nil {
				return err
			}
			return c.idle(ctx, engine, binary, database)
		})
	})
}

func (c streamCmd) compare(ctx context.Context, engine, binary string, database func(string) (string, error)) error {
	bare, err := startBare(ctx, "http")
	if err != nil {
		return err
	}
	defer func() {
		bare.resume()
		bare.stop()
	}()
	noise := &pair{what: "bare net/http", servers: [2]*server{bare, bare}, prepare: alone, rest: true}
	p := &pair{what: "bootstrap", prepare: alone, rest: true}
	defer func() {
		for _, s := range p.servers {
			if s != nil {
				s.resume()
				s.stop()
			}
		}
	}()
	var heard atomic.Int64
	for i, name := range []string{"stream_off", "stream_on"} {
		url, err := database(name)
		if err != nil {
			return err
		}
		if p.servers[i], err = start(ctx, binary, url); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := p.servers[1].listen(ctx, listening, &heard); err != nil {
		return err
	}
	for _, s := range p.servers {
		s.pause()
	}
	for round := range c.Rounds + 1 {
		progress("%s, with listeners and without: round %d of %d", engine, round, c.Rounds)
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
	fmt.Printf("\n%s: %.1f MB came to %d listeners.\n\n", engine, float64(heard.Load())/1e6, listening)
	return nil
}

func (c streamCmd) idle(ctx context.Context, engine, binary string, database func(string) (string, error)) error {
	url, err := database("stream_idle")
	if err != nil {
		return err
	}
	s, err := start(ctx, binary, url)
	if err != nil {
		return err
	}
	defer s.stop()
	share := func() float64 {
		time.Sleep(3 * time.Second) // the last of them has connected
		before := s.cpu()
		time.Sleep(c.For)
		return 100 * (s.cpu() - before).Seconds() / c.For.Seconds()
	}
	alone := share()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.listen(ctx, c.Idle, new(atomic.Int64)); err != nil {
		return err
	}
	fmt.Printf("%s: the idle server takes %.2f %% of a core, with %d listeners %.2f %%.\n\n", engine, alone, c.Idle, share())
	return nil
}

// listen opens streams, and reads them until ctx ends.
func (s *server) listen(ctx context.Context, n int, heard *atomic.Int64) error {
	client := &http.Client{Transport: &http.Transport{}}
	for range n {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/admin/stream", nil)
		if err != nil {
			return err
		}
		r.Header.Set("X-Api-Key", s.adminKey)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			_ = answer.Body.Close()
			return fmt.Errorf("the stream: %s", answer.Status)
		}
		go func() {
			defer answer.Body.Close()
			_, _ = io.Copy(counting{heard}, answer.Body)
		}()
	}
	return nil
}

type counting struct{ n *atomic.Int64 }

func (c counting) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}
