package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"time"

	"github.com/legivellum/metagate/internal/test/testdb"
)

type overdueCmd struct {
	Receipts int           `default:"5000000" help:"How many older receipts there are."`
	Overdue  int           `default:"10000" help:"How many startups become overdue at one time."`
	Replicas int           `default:"3" help:"How many servers there are; all but one are killed."`
	Rounds   int           `default:"3" help:"How often, each with servers of its own."`
	Within   time.Duration `default:"15s" help:"How long before their deadline the startups are opened."`
}

func (c overdueCmd) Validate() error {
	if c.Receipts < 0 || c.Overdue < 1 || c.Replicas < 1 || c.Rounds < 1 || c.Within <= 0 {
		return errors.New("--receipts, --overdue, --replicas, --rounds and --within want positive numbers")
	}
	return nil
}

// Run measures how long after their deadline the last of many overdue startups is an
// event, beside many older receipts and while replicas die.
func (c overdueCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		postgres, err := newPostgres(ctx, cluster, "overdue")
		if err != nil {
			return err
		}
		for _, d := range []database{postgres, newSQLite(filepath.Join(dir, "overdue.db"))} {
			if err := c.measure(ctx, binary, d); err != nil {
				return fmt.Errorf("%s: %w", d.engine(), err)
			}
		}
		return nil
	})
}

func (c overdueCmd) measure(ctx context.Context, binary string, d database) error {
	if err := (grown{database: d, principals: few, receipts: c.Receipts}).fill(ctx, binary); err != nil {
		return err
	}
	for round := range c.Rounds {
		if err := c.round(ctx, binary, d, round*c.Overdue); err != nil {
			return err
		}
	}
	return nil
}

// round opens startups, and waits until they are events beside those of the rounds before.
func (c overdueCmd) round(ctx context.Context, binary string, d database, before int) (err error) {
	replicas := make([]*server, c.Replicas)
	defer func() {
		for _, s := range replicas {
			if s != nil {
				s.stop()
			}
		}
	}()
	for i := range replicas {
		if replicas[i], err = start(ctx, binary, d.url(), retainNone); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(c.Within).Truncate(time.Millisecond)
	if err := d.open(ctx, c.Overdue, deadline); err != nil {
		return err
	}
	if late := -time.Until(deadline); late > 0 {
		return fmt.Errorf("the startups were opened %s after their deadline: --within wants more", late)
	}
	if err := sleep(ctx, time.Until(deadline)); err != nil {
		return err
	}
	recorded, killed := 0, 0
	for recorded < c.Overdue {
		if time.Since(deadline) > tooLong {
			return fmt.Errorf("%d of %d are events after %s", recorded, c.Overdue, tooLong)
		}
		if killed < c.Replicas-1 && recorded >= c.Overdue*killed/c.Replicas {
			_ = replicas[killed].cmd.Process.Signal(syscall.SIGKILL)
			_ = replicas[killed].cmd.Wait()
			killed++
		}
		if err := sleep(ctx, time.Duration(rand.IntN(100))*time.Millisecond); err != nil {
			return err
		}
		if recorded, err = d.number(ctx, overdueEvents); err != nil {
			return err
		}
		recorded -= before
	}
	distinct, err := d.number(ctx, overdueStartups)
	if err != nil {
		return err
	}
	last, err := d.lastEvent(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d overdue startups are %d events of %d startups; the last was recorded %.2f s after its deadline, beside %d receipts, while %d of %d replicas died.\n",
		d.engine(), c.Overdue, recorded, distinct-before, last.Sub(deadline).Seconds(), c.Receipts, killed, c.Replicas)
	return nil
}

const (
	overdueEvents   = `SELECT count(*) FROM events WHERE type = 'startup.overdue'`
	overdueStartups = `SELECT count(DISTINCT startup_id) FROM events WHERE type = 'startup.overdue'`
)
