package stream

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
)

// ahead is how much the clock of another replica may be ahead.
const ahead = 10 * time.Minute

// resume tells what was missed: from the database up to where the ring begins, then
// from the ring. That may take long.
func (l *listener) resume(ctx context.Context, checked *clock, beat <-chan time.Time) error {
	reason, detail, err := l.lost(ctx)
	if err != nil {
		return err
	}
	if reason != "" {
		l.mu.Lock()
		l.at, l.next = l.end, l.ring.next()
		l.mu.Unlock()
		return l.line.Send(sse.Append(nil, eventReset, l.at.String(), notice(reason, detail)))
	}
	for {
		l.mu.Lock()
		start, there := l.ring.start, l.live
		l.mu.Unlock()
		switch {
		case !there: // everybody else has gone for long
			if err := l.ready(ctx, true); err != nil {
				return err
			}
		case l.at.reached(start):
			if l.join() {
				return l.flush()
			}
		default:
			if err := l.readTo(ctx, start); err != nil {
				return err
			}
			if err := l.flush(); err != nil {
				return err
			}
		}
		if refused := l.check(ctx, checked); refused != nil {
			_ = l.unauthorized(refused)
			return refused
		}
		select {
		case <-beat:
			if err := l.beat(); err != nil {
				return err
			}
		case <-l.leaving:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
	}
}

// lost tells why what was missed can't be told; empty where it can.
func (l *listener) lost(ctx context.Context) (reason, detail string, err error) {
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	now := l.Now()
	if l.at.Change > end.Change { // told by a replica that has read on
		if end.Change, err = l.Store.SettledWithin(ctx, readTime); err != nil {
			return "", "", err
		}
	}
	events, err := l.Store.EventBounds(ctx)
	if err != nil {
		return "", "", err
	}
	switch at := time.UnixMicro(l.at.Time); {
	case l.at.Change > end.Change || l.at.Event > events.Newest || at.After(now.Add(ahead)):
		return reasonUnknown, "this database has not come so far: list again", nil
	case l.Keep > 0 && now.Sub(at) > l.Keep:
		return reasonExpired, "receipts of that time are gone (RECEIPT_RETENTION_HOURS): list again", nil
	case l.at.Event < cmp.Or(events.Oldest, events.Newest+1)-1: // where none is left, all are gone
		return reasonExpired, "events of that time are gone (EVENT_RETENTION_DAYS): list again", nil
	}
	return "", "", nil
}

// readTo reads one page of what was missed before a position.
func (l *listener) readTo(ctx context.Context, start Position) error {
	select { // few do at a time
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	end := l.at
	switch {
	case l.at.Change < start.Change:
		rows, err := l.Store.ListChanges(ctx, store.ListChangesParams{FromChange: l.at.Change, AfterID: store.MaxID, UpTo: start.Change, RowLimit: missed})
		if err != nil {
			return err
		}
		frames, last := changed(rows)
		if end.Change = start.Change; len(rows) == missed {
			end.Change = last.Changed - 1 // which is farther: no write changes so many
		}
		l.append(frames, end)
		return nil
	case l.at.Event < start.Event:
		rows, err := l.Store.ListEvents(ctx, store.ListEventsParams{After: l.at.Event, RowLimit: missed})
		if err != nil {
			return err
		}
		if end.Event = start.Event; len(rows) == missed {
			end.Event = min(start.Event, rows[missed-1].Seq)
		}
		rows = slices.DeleteFunc(rows, func(e store.Event) bool { return e.Seq > start.Event }) // which the ring tells
		l.append(happened(rows), end)
		return nil
	}
	rows, err := l.Store.ListPastDeadline(ctx, store.ListPastDeadlineParams{
		Since: time.UnixMicro(l.at.Time).UTC(), Until: time.UnixMicro(start.Time).UTC(), AfterID: l.past, RowLimit: missed,
	})
	if err != nil {
		return err
	}
	frames, last := past(rows)
	if end.Time, l.past = start.Time, store.MinID; len(rows) == missed { // there may be more of the last one's deadline
		end.Time, l.past = last.DeadlineAt.UnixMicro(), last.ID
	}
	l.append(frames, end)
	return nil
}

// missed is how many startups are read at once for one listener: more than one write changes.
const missed = 2000

// join goes over to the ring, if it still begins where the listener has come to. Of
// the worlds it tells what they are now.
func (l *listener) join() bool {
	frames, end, there := l.joining()
	if there {
		l.append(frames, end)
	}
	return there
}

func (l *listener) joining() (frames []*frame, end Position, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.live || !l.at.reached(l.ring.start) {
		return nil, end, false
	}
	for _, f := range l.ring.frames {
		if f.kind != model.StreamTypeWorld {
			frames = append(frames, f)
		}
	}
	if l.at.World != l.end.World || l.at.Worlds != l.end.Worlds {
		for tenant, at := range l.tenants {
			if at.revision > l.at.World-worldOverlap.Microseconds() {
				frames = append(frames, worldFrame(tenant, at.revision))
			}
		}
	}
	l.next = l.ring.next()
	return frames, l.at.farther(l.end), true
}
