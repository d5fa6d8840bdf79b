package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type eventsCmd struct {
	remote
	After int64    `env:"METAGATE_AFTER" default:"-1" placeholder:"SEQ" help:"Only those after this one; 0 is from the oldest that is kept. The newest --limit unless it is said."`
	Types []string `env:"METAGATE_TYPES" enum:"startup.overdue,startup.failed,startup.late,startup.superseded,world.changed,identity.conflict" placeholder:"TYPE,..." help:"Only those of these types: startup.overdue, startup.failed, startup.late, startup.superseded, world.changed, identity.conflict."`
	paging
	Follow bool          `short:"f" env:"METAGATE_FOLLOW" help:"Go on and print each one as it is recorded."`
	Every  time.Duration `env:"METAGATE_EVERY" default:"2s" help:"With --follow: how often to look."`
}

// Validate is called by kong.
func (c *eventsCmd) Validate() error {
	if c.Every <= 0 {
		return errors.New("--every must be longer than nothing")
	}
	if c.After < -1 {
		return errors.New("--after must be a seq, or 0 for all")
	}
	return c.paging.Validate()
}

func (c *eventsCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	r := eventReader{cmd: c, server: m, after: c.After}
	if c.After < 0 {
		if err := r.newest(ctx); err != nil {
			return err
		}
	}
	t := newTable(s.out, "SEQ", "AGO", "TYPE", "ABOUT", "PRINCIPAL", "TENANT")
	show := func(e model.Event) error {
		t.row(eventColour(e.Type), strconv.FormatInt(e.Seq, 10), age(m.now().Sub(e.RecordedAt)), string(e.Type), e.Subject, said(e.PrincipalKey), e.TenantKey)
		return nil
	}
	if !c.Follow {
		return printList(ctx, m, s.out, c.paging, r.page, t, show)
	}
	c.All = true
	return r.follow(ctx, s, t, show)
}

// eventReader goes by seq where other lists have a cursor.
type eventReader struct {
	cmd    *eventsCmd
	server *server
	after  int64
}

// newest begins so many before the last one.
func (r *eventReader) newest(ctx context.Context) error {
	_, answer, err := answerOf[[]model.Event](r.server, func() (*http.Response, error) {
		return r.server.ListEvents(ctx, &model.ListEventsParams{Limit: new(int64(1))})
	})
	if err != nil {
		return err
	}
	last, err := strconv.ParseInt(answer.Header.Get("Metagate-Events-Newest"), 10, 64)
	if r.after = max(0, last-int64(r.cmd.Limit)); r.cmd.All {
		r.after = 0
	}
	return err
}

// page asks for what comes next: the cursor is the seq that was read last.
func (r *eventReader) page(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
	if cursor != nil {
		r.after, _ = strconv.ParseInt(*cursor, 10, 64) // a number that is too great asks for nothing
	}
	p := &model.ListEventsParams{After: &r.after, Limit: limit}
	for _, t := range r.cmd.Types {
		p.Types = append(p.Types, model.EventType(t))
	}
	return r.server.ListEvents(ctx, p)
}

// follow prints what is recorded, until ctx ends.
func (r *eventReader) follow(ctx context.Context, s streams, t *table, show func(model.Event) error) error {
	for lost, first := false, true; ; {
		limit := int64(pageSize)
		page, _, err := onePage[model.Event](ctx, r.server, r.page, &limit, nil)
		_, again := errors.AsType[passing](err)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever followed has ended it
		case err != nil && (first || !again):
			return err
		case err != nil && !lost:
			lost = true
			fmt.Fprintln(r.server.log, "reconnecting:", err)
		case err == nil:
			lost, first = false, false
			if err := r.print(s, page, t, show); err != nil {
				return err
			}
		}
		if len(page) == pageSize {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(r.cmd.Every):
		}
	}
}

func (r *eventReader) print(s streams, page []model.Event, t *table, show func(model.Event) error) error {
	if len(page) == 0 {
		return nil
	}
	r.after = page[len(page)-1].Seq
	if r.cmd.Output != "text" {
		return encode(s.out, r.cmd.Output, page)
	}
	for _, e := range page {
		if err := show(e); err != nil {
			return err
		}
	}
	return t.flush()
}

func eventColour(t model.EventType) string {
	switch t {
	case model.EventTypeStartupFailed, model.EventTypeStartupOverdue, model.EventTypeIdentityConflict:
		return red
	case model.EventTypeStartupLate:
		return yellow
	}
	return dim
}
