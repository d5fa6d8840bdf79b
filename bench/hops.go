package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/test/testdb"
)

type hopsCmd struct {
	Hops        int           `default:"100" help:"How often the listener goes on at the other replica."`
	Every       time.Duration `default:"200ms" help:"How long it stays."`
	Rate        int           `default:"5000" help:"How many startups are opened each second, by both replicas together."`
	Concurrency int           `default:"64" help:"How many connections open them."`
	Engine      string        `default:"both" enum:"both,PostgreSQL,SQLite" help:"PostgreSQL or SQLite alone: a quicker look."`
}

func (c hopsCmd) Validate() error {
	if c.Hops < 1 || c.Every <= 0 || c.Rate < 1 || c.Concurrency < 2 {
		return errors.New("--hops, --every and --rate want positive numbers, --concurrency 2 at least")
	}
	return nil
}

// Run lets one listener hop between two replicas while startups are opened, and
// tells which of them it has not heard of.
func (c hopsCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		if err := cluster.CreateDatabase(ctx, "hops", ""); err != nil {
			return err
		}
		for _, e := range []engine{{"PostgreSQL", cluster.URL("hops")}, {"SQLite", "sqlite:" + filepath.Join(dir, "hops.db")}} {
			if c.Engine != "both" && c.Engine != e.name {
				continue
			}
			if err := c.measure(ctx, binary, e); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
		return nil
	})
}

func (c hopsCmd) measure(ctx context.Context, binary string, e engine) (err error) {
	var replicas [2]*server
	defer func() {
		for _, s := range replicas {
			if s != nil {
				s.stop()
			}
		}
	}()
	for i := range replicas {
		if replicas[i], err = start(ctx, binary, e.url); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &hearer{replicas: replicas, heard: map[string]int{}}
	if err := h.listen(ctx, nil); err != nil { // what comes before isn't counted
		return err
	}
	o := &opener{rate: c.Rate, opened: make([][]string, c.Concurrency)}
	loads, end := o.open(ctx, replicas)
	for range c.Hops {
		if err := h.listen(ctx, func(began time.Time) bool { return time.Since(began) < c.Every }); err != nil {
			return err
		}
	}
	end()
	took, ended := time.Since(o.began), time.Now()
	if err := loads.Wait(); err != nil {
		return err
	}
	all := o.all()
	waiting := time.AfterFunc(tooLong, cancel)
	if err := h.listen(ctx, func(time.Time) bool { return !h.has(all) }); err != nil && ctx.Err() == nil {
		return err
	}
	waiting.Stop()
	missed, twice := 0, 0
	for _, id := range all {
		switch h.heard[id] {
		case 0:
			missed++
		case 1:
		default:
			twice++
		}
	}
	fmt.Printf("%s: %d startups were opened, %.0f a second, and %d refused; one listener, who hopped %d times between 2 replicas, missed %d of them, and heard of %d more than once; of the last it heard %.2f s after the load had ended.\n",
		e.name, len(all), float64(len(all))/took.Seconds(), o.refused.Load(), h.hops-2, missed, twice, time.Since(ended).Seconds())
	if missed > 0 {
		return errors.New("startups were missed")
	}
	return nil
}

// opener opens startups at a steady rate.
type opener struct {
	rate   int
	began  time.Time
	opened [][]string // ids, by connection

	refused atomic.Int64
}

// open opens them until it is told to end.
func (o *opener) open(ctx context.Context, replicas [2]*server) (loads *errgroup.Group, end func()) {
	var sent atomic.Int64
	var over atomic.Bool
	o.began = time.Now()
	loads, ctx = errgroup.WithContext(ctx)
	each := len(o.opened) / len(replicas)
	key := replicas[1].key // the seed of the second replica has replaced the first's
	for i, s := range replicas {
		loads.Go(func() error {
			request, err := load.Request(http.MethodPost, s.url+"/v1/bootstrap",
				http.Header{"X-Api-Key": {key}, "Content-Type": {"application/json"}}, `{"component_key":"`+component+`"}`)
			if err != nil {
				return err
			}
			res, err := load.Run(ctx, load.Load{
				URL: s.url, Concurrency: each,
				Next: func(int) []byte {
					due := o.began.Add(time.Duration(sent.Add(1)) * time.Second / time.Duration(o.rate))
					if sleep(ctx, time.Until(due)) != nil || over.Load() {
						return nil
					}
					return request
				},
				Want: func(n int, r *http.Response, _ []byte) bool {
					id := r.Header.Get("Metagate-Startup-Id")
					o.opened[i*each+n] = append(o.opened[i*each+n], id)
					return r.StatusCode == http.StatusOK
				},
			}, new(atomic.Int64))
			for why, n := range res.Failures {
				if err == nil && why != "503" { // two replicas on one file of SQLite get in each other's way
					err = fmt.Errorf("not all startups were opened: %s", why)
				}
				o.refused.Add(n)
			}
			return err
		})
	}
	return loads, func() { over.Store(true) }
}

// all are the ids of the startups that were opened.
func (o *opener) all() (all []string) {
	for _, ids := range o.opened {
		for _, id := range ids {
			if id != "" { // a refusal opens none
				all = append(all, id)
			}
		}
	}
	return all
}

// hearer listens on one replica after the other, and goes on from where it was.
type hearer struct {
	replicas [2]*server
	hops     int
	last     string         // Last-Event-ID
	heard    map[string]int // how often, by startup
	known    int            // of those asked for, how many were heard of at least
}

// has tells whether all of some startups were heard of.
func (h *hearer) has(ids []string) bool {
	for h.known < len(ids) && h.heard[ids[h.known]] > 0 {
		h.known++
	}
	return h.known == len(ids)
}

// listen listens at the next replica for as long as it is to stay, and until it has a place to go on from.
func (h *hearer) listen(ctx context.Context, stay func(began time.Time) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := h.replicas[h.hops%len(h.replicas)]
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/admin/stream?types=startup", http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("X-Api-Key", s.adminKey)
	if h.last != "" {
		r.Header.Set("Last-Event-ID", h.last)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream: %s", answer.Status)
	}
	if h.hops++; h.last == "" { // where it begins is said before anything happens
		return h.begin(answer.Body)
	}
	began, events := time.Now(), sse.NewReader(answer.Body)
	for stay(began) {
		e, err := events.Next()
		if err != nil {
			return err
		}
		var startup struct {
			StartupID string `json:"startup_id"`
		}
		if err := json.Unmarshal([]byte(e.Data), &startup); err != nil {
			return err
		}
		if e.Type != "startup" {
			return fmt.Errorf("the stream says %s: %s", e.Type, e.Data)
		}
		h.heard[startup.StartupID]++
		h.last = e.ID
	}
	return nil
}

func (h *hearer) begin(stream io.Reader) error {
	lines := bufio.NewScanner(stream)
	for h.last == "" && lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id:"); ok {
			h.last = strings.TrimSpace(id)
		}
	}
	return lines.Err()
}
