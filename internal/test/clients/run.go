package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// run runs the check against servers of its own.
func (c check) run(ctx context.Context) error {
	if c.fuzz {
		return c.runFuzz(ctx)
	}
	databaseURL, remove, err := sqlite()
	if err != nil {
		return err
	}
	return errors.Join(c.against(ctx, databaseURL), remove())
}

// against runs check.sh against one server, which has to know of a startup that became READY.
func (c check) against(ctx context.Context, databaseURL string) error {
	s, err := start(ctx, databaseURL)
	if err != nil {
		return err
	}
	address := s.url
	if strings.HasPrefix(c.name, "start ") {
		stumbling, err := s.stumbling()
		if err != nil {
			return errors.Join(err, s.stop())
		}
		front := httptest.NewServer(stumbling)
		defer front.Close()
		address = front.URL
	}
	err = c.script(ctx, strings.ReplaceAll(c.name, " ", "-"), "METAGATE_URL="+address, "METAGATE_KEY="+s.key, "METAGATE_ADMIN_KEY="+s.adminKey)
	if err == nil {
		var ready int
		if ready, err = s.ready(ctx); err == nil && ready != 1 {
			err = fmt.Errorf("it succeeded, and %d startups are READY", ready)
		}
	}
	return errors.Join(err, s.stop())
}

// runFuzz runs check.sh four times: on each engine, as an admin and as a component, each time
// on a fresh database, as what an admin's run leaves behind is in the way of the next.
func (c check) runFuzz(ctx context.Context) error {
	cluster, err := testdb.Start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	var errs []error
	for _, as := range []string{"admin", "component"} {
		name := "fuzz_" + strings.ToLower(rand.Text())
		if err := cluster.CreateDatabase(ctx, name, ""); err != nil {
			return errors.Join(err, cluster.Stop())
		}
		errs = append(errs, c.fuzzAs(ctx, "postgres", as, cluster.URL(name)), cluster.DropDatabase(ctx, name))
		databaseURL, remove, err := sqlite()
		if err != nil {
			return errors.Join(err, cluster.Stop())
		}
		errs = append(errs, c.fuzzAs(ctx, "sqlite", as, databaseURL), remove())
	}
	return errors.Join(append(errs, cluster.Stop())...)
}

func (c check) fuzzAs(ctx context.Context, engine, as, databaseURL string) error {
	s, err := start(ctx, databaseURL)
	if err != nil {
		return err
	}
	key := map[string]string{"admin": s.adminKey, "component": s.key}[as]
	if err := c.script(ctx, c.name+"-"+engine+"-"+as, "METAGATE_URL="+s.url, "METAGATE_KEY="+key); err != nil {
		return errors.Join(fmt.Errorf("on %s as %s: %w", engine, as, err), s.stop())
	}
	return s.stop()
}
