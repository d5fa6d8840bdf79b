package main

import (
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

	"github.com/legivellum/metagate/internal/test/testdb"
)

type askCmd struct {
	Principals int    `default:"100000" help:"How many there are, each with one startup."`
	Profiles   int    `default:"1" help:"How many profiles they share."`
	Engine     string `default:"both" enum:"both,postgres,sqlite" help:"both, postgres or sqlite."`
}

func (c askCmd) Validate() error {
	if c.Principals < 1 || c.Profiles < 1 {
		return errors.New("--principals and --profiles want positive numbers")
	}
	return nil
}

// Run measures what is told of many principals: the roster, page by page and through its
// filters, a diff of all their packets, and what was true then.
func (c askCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		fmt.Println("| engine | principals | profiles | question | answers | slowest ms | all ms | server's processor time, all ms | KiB |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		for _, engine := range []string{"postgres", "sqlite"} {
			if c.Engine != "both" && c.Engine != engine {
				continue
			}
			db := newSQLite(filepath.Join(dir, "ask.db"))
			if engine == "postgres" {
				var err error
				if db, err = newPostgres(ctx, cluster, "ask"); err != nil {
					return err
				}
			}
			if err := c.measure(ctx, binary, db); err != nil {
				return fmt.Errorf("%s: %w", engine, err)
			}
		}
		return nil
	})
}

func (c askCmd) measure(ctx context.Context, binary string, db database) error {
	g := grown{database: db, principals: c.Principals}
	s, err := g.start(ctx, binary)
	if err != nil {
		return err
	}
	defer s.stop()
	crowd := g.crowd(s)
	crowd.Profiles = c.Profiles
	progress("%s: %d principals, %d profiles", db.engine(), c.Principals, c.Profiles)
	if err := crowd.Populate(ctx); err != nil {
		return err
	}
	requests, err := crowd.Requests()
	if err != nil {
		return err
	}
	if err := sound(crowd.EachOnce(ctx, requests, new(atomic.Int64))); err != nil {
		return err
	}
	ask := asked{askCmd: c, server: s, engine: db.engine()}
	if err := ask.page(ctx, "roster, a page of 100 beside the count", "roster?limit=100"); err != nil {
		return err
	}
	if err := counted(ctx, db); err != nil {
		return err
	}
	bodies, err := db.number(ctx, `SELECT count(*) FROM packet_bodies`)
	if err != nil {
		return err
	}
	before, err := ask.revision(ctx)
	if err != nil {
		return err
	}
	for _, q := range []struct{ what, path string }{
		{"roster, a page of 100", "roster?limit=100"},
		{"roster, all in pages of 1000", "roster?limit=1000"},
		{"roster, NEVER: none", "roster?state=NEVER"},
		{"roster, outdated: none", "roster?packet=outdated"},
	} {
		if err := ask.pages(ctx, q.what, q.path); err != nil {
			return err
		}
	}
	if err := crowd.Change(ctx); err != nil {
		return err
	}
	for _, q := range []struct{ what, path string }{
		{"roster, outdated: all, a page of 1000", "roster?packet=outdated&limit=1000"},
		{"diff, of all packets", fmt.Sprintf("diff?from=%d", before)},
		{"explain, then", fmt.Sprintf("principals/key:%s-000000/packet?component_key=c&revision=%d", crowdName, before)},
		{"export, then", fmt.Sprintf("export?revision=%d", before)},
	} {
		if err := ask.page(ctx, q.what, q.path); err != nil {
			return err
		}
	}
	fmt.Printf("%s, %d principals of %d profiles: %d kept bodies; resident %.0f MiB, at most %.0f\n",
		db.engine(), c.Principals, c.Profiles, bodies, s.residentMiB(), s.peakMiB())
	return nil
}

// asked prints a row for each question.
type asked struct {
	askCmd
	*server
	engine string
}

func (a asked) page(ctx context.Context, what, path string) error {
	const again = 3
	before := a.cpu()
	var total, slowest time.Duration
	var size int
	for range again {
		body, _, took, err := a.admin(ctx, path)
		if err != nil {
			return err
		}
		total, slowest, size = total+took, max(slowest, took), len(body)
	}
	a.row(what, again, slowest, total, a.cpu()-before, size)
	return nil
}

func (a asked) pages(ctx context.Context, what, path string) error {
	before := a.cpu()
	var total, slowest time.Duration
	var size, n int
	for path != "" {
		body, next, took, err := a.admin(ctx, path)
		if err != nil {
			return err
		}
		n, total, slowest, size, path = n+1, total+took, max(slowest, took), size+len(body), next
	}
	a.row(what, n, slowest, total, a.cpu()-before, size)
	return nil
}

func (a asked) row(what string, n int, slowest, total, cpu time.Duration, size int) {
	fmt.Printf("| %s | %d | %d | %s | %d | %d | %d | %d | %d |\n", a.engine, a.Principals, a.Profiles, what, n,
		slowest.Milliseconds(), total.Milliseconds(), cpu.Milliseconds(), size/1024)
}

// revision is the newest.
func (a asked) revision(ctx context.Context) (int64, error) {
	body, _, _, err := a.admin(ctx, "revisions?limit=1")
	if err != nil {
		return 0, err
	}
	var rows []struct{ Revision int64 }
	if err := json.Unmarshal(body, &rows); err != nil || len(rows) == 0 {
		return 0, fmt.Errorf("no revisions: %.200s", body)
	}
	return rows[0].Revision, nil
}

// admin asks below /v1/admin/, and tells what the next page is asked with.
func (s *server) admin(ctx context.Context, path string) (body []byte, next string, took time.Duration, err error) {
	const admin = "/v1/admin/"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+admin+path, http.NoBody)
	if err != nil {
		return nil, "", 0, err
	}
	r.Header.Set("X-Api-Key", s.adminKey)
	began := time.Now()
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, "", 0, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	took = time.Since(began)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300s", path, answer.StatusCode, body)
	}
	if link, _, ok := strings.Cut(answer.Header.Get("Link"), ">"); ok {
		_, next, _ = strings.Cut(link, admin)
	}
	return body, next, took, err
}

// counted waits until all that started is counted, and on the roster.
func counted(ctx context.Context, db database) error {
	for began := time.Now(); time.Since(began) < tooLong; {
		n, err := db.number(ctx, `SELECT count(*) FROM startup_sessions WHERE changed > (SELECT position FROM sinks WHERE name = 'outcomes')`)
		if err != nil || n == 0 {
			return err
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return errors.New("the startups are not counted")
}
