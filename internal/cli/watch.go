package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

// A watch that the server doesn't answer asks ever more rarely, up to this.
const longestWait = 15 * time.Second

// watch prints each startup that is new or changes its state, until ctx ends. What
// it looks at begins where its first look began, and stays: a startup that becomes
// overdue has been open for a while.
func (c *startupsCmd) watch(ctx context.Context, m *server, s streams, since *time.Time) error {
	w := watcher{cmd: c, server: m, out: s, since: since, paging: c.paging, seen: map[uuid.UUID]string{}, table: startupsTable(s)}
	wait, lost := c.Every, false
	for first := true; ; {
		pause, reached, err := w.turn(ctx)
		if reached {
			first, lost = false, false
		}
		_, again := errors.AsType[passing](err)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever watched has ended it
		case err == nil:
			wait = pause
		case first || !again:
			return err
		case !lost:
			lost, wait = true, c.Every
			fmt.Fprintln(m.log, "reconnecting:", err)
		default:
			wait = min(2*wait, max(longestWait, c.Every))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

type watcher struct {
	cmd    *startupsCmd
	server *server
	out    streams
	since  *time.Time
	paging paging
	seen   map[uuid.UUID]string // the state that was printed last
	table  *table
	polls  bool          // the server has no stream
	lastID string        // of the stream
	retry  time.Duration // what it said to wait before one connects again
}

// turn follows the stream until it ends, or looks once at a server that has none. It
// tells how long to wait for the next, and whether the server has answered as it should.
func (w *watcher) turn(ctx context.Context) (pause time.Duration, reached bool, err error) {
	if !w.polls {
		pause, reached, err = w.follow(ctx)
		if !errors.Is(err, errNoStream) {
			return pause, reached, err
		}
		w.polls = true
	}
	began := time.Now()
	err = w.look(ctx)
	return max(w.cmd.Every, 5*time.Since(began)), err == nil, err // a long list isn't read all the time
}

// look reads the list once and prints what is new in it.
func (w *watcher) look(ctx context.Context) error {
	var fresh []model.StartupSession
	var oldest time.Time
	more, err := eachPage(ctx, w.server, w.paging, w.cmd.list(w.server, w.since), func(page []model.StartupSession) error {
		for _, r := range page {
			if oldest.IsZero() || r.OpenedAt.Before(oldest) {
				oldest = r.OpenedAt
			}
			if w.seen[r.StartupID] != state(r) {
				fresh = append(fresh, r)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if more { // only at the first look: the older ones stay outside
		w.since = &oldest
		fmt.Fprintf(w.server.log, "watching those since %s: --all looks further back\n", stamp(oldest))
	}
	w.paging.All = true
	slices.Reverse(fresh) // the newest is the last line one sees
	return w.show(fresh)
}

// show prints startups, the latest last.
func (w *watcher) show(fresh []model.StartupSession) error {
	for _, r := range fresh {
		w.seen[r.StartupID] = state(r)
	}
	if w.cmd.Output != "text" {
		if len(fresh) == 0 {
			return nil
		}
		slices.Reverse(fresh) // as in a list
		return encode(w.out.out, w.cmd.Output, fresh)
	}
	for _, r := range fresh {
		startupRow(w.table, w.server.now(), r)
	}
	return w.table.flush()
}
